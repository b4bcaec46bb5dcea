/**
 * DeleteObject and DeleteObjects: the rows go, and with them the only wrapped keys of their content, unless the bucket keeps
 * them for a while.
 */

import type { BucketRecord } from '../bucket-record.ts'
import { decodeObjectRecord, type ObjectRecord } from '../object-record.ts'
import { evaluate, type Precondition } from '../precondition.ts'
import type { Transaction } from '../transaction.ts'
import type { TrashCause } from '../trash-record.ts'
import { requireBucket } from './require-bucket.ts'
import { reindex } from './time-index.ts'
import { retire } from './trash.ts'

export interface DeleteObjects {
  bucket: string
  bucketId: Buffer
  /** Row keys; one that is absent counts as deleted. */
  rowKeys: Buffer[]
  /** For the key at the same place: one that does not hold for its current version leaves it. */
  preconditions?: readonly (Precondition | undefined)[] | undefined
  /** Milliseconds since the epoch. */
  now: number
}

/** The places of those whose precondition did not hold. */
export async function deleteObjects(
  transaction: Transaction,
  { bucket: name, bucketId, rowKeys, preconditions, now }: DeleteObjects
): Promise<number[]> {
  const bucket = await requireBucket(transaction, { bucket: name, bucketId })

  const rows = await transaction.getMany(rowKeys)
  const seen = new Set<string>()
  const refused: number[] = []
  for (const [index, rowKey] of rowKeys.entries()) {
    const place = rowKey.toString('latin1')
    const row = seen.has(place) ? undefined : rows[index]
    const object = row && decodeObjectRecord(row.value)
    const precondition = preconditions?.[index]
    if (precondition !== undefined && evaluate(precondition, object) !== 'holds') {
      refused.push(index)
      continue
    }
    if (object === undefined) continue
    seen.add(place)

    await removeObject(transaction, bucket, { rowKey, object, cause: 'deleted', now })
  }
  return refused
}

/** Takes an object that was read in this transaction out of its bucket. */
export async function removeObject(
  transaction: Transaction,
  bucket: BucketRecord,
  {
    rowKey,
    object,
    cause,
    now
  }: { rowKey: Buffer; object: ObjectRecord; cause: TrashCause; now: number }
): Promise<void> {
  await retire(transaction, bucket, { object, cause, now })
  reindex(transaction, bucket, { rowKey, before: object, after: undefined })
  transaction.delete(rowKey)
}
