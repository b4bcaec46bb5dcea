/**
 * DeleteObject and DeleteObjects: the rows go, and with them the only wrapped keys of their content.
 */

import type { BucketRecord } from '../bucket-record.ts'
import { decodeObjectRecord, type ObjectRecord } from '../object-record.ts'
import type { Transaction } from '../transaction.ts'
import { discard, requireBucket } from './put-object.ts'
import { reindex } from './time-index.ts'

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
  const record = await requireBucket(transaction, { bucket, bucketId })

  const rows = await transaction.getMany(rowKeys)
  const seen = new Set<string>()
  for (const [index, rowKey] of rowKeys.entries()) {
    const row = rows[index]
    const name = rowKey.toString('latin1')
    if (row === undefined || seen.has(name)) continue
    seen.add(name)

    removeObject(transaction, record, { rowKey, object: decodeObjectRecord(row.value), now })
  }
}

/** Takes an object that was read in this transaction out of its bucket. */
export function removeObject(
  transaction: Transaction,
  bucket: BucketRecord,
  { rowKey, object, now }: { rowKey: Buffer; object: ObjectRecord; now: number }
): void {
  discard(transaction, object.versionId, object.manifest, now)
  reindex(transaction, bucket, { rowKey, before: object, after: undefined })
  transaction.delete(rowKey)
}
