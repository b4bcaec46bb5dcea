/**
 * The tags of a key's current version: the row is written anew, the version and its content stay.
 */

import { R2dError } from '../../errors.ts'
import { decodeObjectRecord, encodeObjectRecord } from '../object-record.ts'
import type { Transaction } from '../transaction.ts'
import { requireBucket } from './require-bucket.ts'

export interface SetObjectTags {
  bucket: string
  bucketId: Buffer
  rowKey: Buffer
  tags: [name: string, value: string][]
}

/** The id of the version that has them. */
export async function setObjectTags(
  transaction: Transaction,
  { bucket, bucketId, rowKey, tags }: SetObjectTags
): Promise<Buffer> {
  await requireBucket(transaction, { bucket, bucketId })
  const row = await transaction.get(rowKey)
  if (row === undefined) throw new R2dError('R2D_NO_SUCH_KEY', 'There is no such object')

  const { tags: _, ...others } = decodeObjectRecord(row.value)
  const record = tags.length === 0 ? others : { ...others, tags }
  transaction.put(rowKey, encodeObjectRecord(record))
  return record.versionId
}
