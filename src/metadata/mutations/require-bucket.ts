/**
 * The bucket that a commit is about, as it is at the commit.
 */

import { R2dError } from '../../errors.ts'
import { decodeBucketRecord, encodeBucketRecord, type BucketRecord } from '../bucket-record.ts'
import { bucketKey } from '../keys.ts'
import type { Transaction } from '../transaction.ts'

/**
 * The bucket is there, and is the one that the caller has read. A write into a bucket that is about to be deleted takes the mark
 * away, and with it the right to delete: who was at it looks again.
 */
export async function requireBucket(
  transaction: Transaction,
  { bucket, bucketId }: { bucket: string; bucketId: Buffer }
): Promise<BucketRecord> {
  const found = await transaction.get(bucketKey(bucket))
  const record = found && decodeBucketRecord(found.value)
  if (!record?.id.equals(bucketId)) {
    throw new R2dError('R2D_NO_SUCH_BUCKET', `There is no bucket ${bucket}`)
  }
  if (record.state === 'active') return record

  const active: BucketRecord = { ...record, state: 'active' }
  transaction.put(bucketKey(bucket), encodeBucketRecord(active))
  return active
}
