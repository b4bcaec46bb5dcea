/**
 * PutBucketCors and DeleteBucketCors. The bucket's row is written too: who has it open learns from its version.
 */

import { encodeBucketRecord } from '../bucket-record.ts'
import { bucketKey, corsKey } from '../keys.ts'
import type { Transaction } from '../transaction.ts'
import { requireBucket } from './require-bucket.ts'

export interface SetBucketCors {
  bucket: string
  bucketId: Buffer
  /** The encoded rules; undefined removes them. */
  value: Buffer | undefined
}

export async function setBucketCors(
  transaction: Transaction,
  { bucket, bucketId, value }: SetBucketCors
): Promise<void> {
  const record = await requireBucket(transaction, { bucket, bucketId })

  if (value === undefined) transaction.delete(corsKey(bucketId))
  else transaction.put(corsKey(bucketId), value)
  transaction.put(
    bucketKey(bucket),
    encodeBucketRecord({ ...record, hasCors: value !== undefined })
  )
}
