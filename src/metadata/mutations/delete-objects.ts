/**
 * DeleteObject and DeleteObjects: the rows go, and with them the only wrapped keys of their content.
 */

import { decodeObjectRecord } from '../object-record.ts'
import type { Transaction } from '../transaction.ts'
import { discard, requireBucket } from './put-object.ts'

export interface DeleteObjects {
  bucket: string
  bucketId: Buffer
  /** Row keys; one that is absent counts as deleted. */
  rowKeys: Buffer[]
  /** Milliseconds since the epoch. */
  now: number
}

export async function deleteObjects(
  transaction: Transaction,
  { bucket, bucketId, rowKeys, now }: DeleteObjects
): Promise<void> {
  await requireBucket(transaction, { bucket, bucketId })

  const rows = await transaction.getMany(rowKeys)
  const seen = new Set<string>()
  for (const [index, rowKey] of rowKeys.entries()) {
    const row = rows[index]
    const name = rowKey.toString('latin1')
    if (row === undefined || seen.has(name)) continue
    seen.add(name)

    const { versionId, manifest } = decodeObjectRecord(row.value)
    discard(transaction, versionId, manifest, now)
    transaction.delete(rowKey)
  }
}
