/**
 * Where an object goes, and its arrival there: whatever makes a version current for a key does it by this.
 */

import { R2dError } from '../../errors.ts'
import { decodeObjectRecord, type ObjectRecord } from '../object-record.ts'
import { evaluate, type Precondition } from '../precondition.ts'
import type { Transaction } from '../transaction.ts'
import { requireBucket } from './require-bucket.ts'
import { reindex } from './time-index.ts'
import { retire } from './trash.ts'

/** Where an object goes, and what its arrival depends on. */
export interface Destination {
  bucket: string
  /** The bucket must still be the one that the content was encrypted for. */
  bucketId: Buffer
  /** The object's row key. */
  rowKey: Buffer
  precondition?: Precondition | undefined
  /** R2D_TOO_MANY_WRITES if the current version is not as old as this, milliseconds. */
  minIntervalMs?: number | undefined
  /** Milliseconds since the epoch. */
  now: number
}

/** Makes `value` the current version at `destination`, if the bucket and the precondition allow. */
export async function replaceObject(
  transaction: Transaction,
  destination: Destination,
  value: Buffer
): Promise<void> {
  const { rowKey, minIntervalMs = 0, now } = destination
  const bucket = await requireBucket(transaction, destination)

  const current = await requirePrecondition(transaction, destination)
  if (current !== undefined && Math.abs(now - current.uploaded) < minIntervalMs) {
    throw new R2dError('R2D_TOO_MANY_WRITES', 'The key was written less than a second ago')
  }

  if (current !== undefined)
    await retire(transaction, bucket, { object: current, cause: 'replaced', now })
  reindex(transaction, bucket, {
    rowKey,
    before: current,
    after: () => decodeObjectRecord(value)
  })
  transaction.put(rowKey, value)
}

/** The current version, if the precondition holds for it. */
export async function requirePrecondition(
  transaction: Transaction,
  { rowKey, precondition }: Destination
): Promise<ObjectRecord | undefined> {
  const found = await transaction.get(rowKey)
  const current = found && decodeObjectRecord(found.value)
  if (precondition !== undefined && evaluate(precondition, current) !== 'holds') {
    throw new R2dError('R2D_PRECONDITION_FAILED', 'The precondition does not hold')
  }
  return current
}
