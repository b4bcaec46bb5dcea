/**
 * DeleteObject and DeleteObjects: the rows go, and with them the only wrapped keys of their content.
 */

import { decodeObjectRecord } from '../object-record.ts'
import { evaluate, type Precondition } from '../precondition.ts'
import type { Transaction } from '../transaction.ts'
import { discard, requireBucket } from './put-object.ts'

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
  { bucket, bucketId, rowKeys, preconditions, now }: DeleteObjects
): Promise<number[]> {
  await requireBucket(transaction, { bucket, bucketId })

  const rows = await transaction.getMany(rowKeys)
  const seen = new Set<string>()
  const refused: number[] = []
  for (const [index, rowKey] of rowKeys.entries()) {
    const name = rowKey.toString('latin1')
    const row = seen.has(name) ? undefined : rows[index]
    const record = row && decodeObjectRecord(row.value)
    const precondition = preconditions?.[index]
    if (precondition !== undefined && evaluate(precondition, record) !== 'holds') {
      refused.push(index)
      continue
    }
    if (record === undefined) continue
    seen.add(name)

    discard(transaction, record.versionId, record.manifest, now)
    transaction.delete(rowKey)
  }
  return refused
}
