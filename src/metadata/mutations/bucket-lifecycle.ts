/**
 * PutBucketLifecycleConfiguration and DeleteBucketLifecycle: other rules, and with them what becomes of the time index.
 *
 * The bucket's row is written too: who has the bucket open learns from its version that the rules are others. The progress row
 * gets a new revision, so that nothing that was decided under the old rules is done after this.
 */

import { encodeBucketRecord, type BucketRecord } from '../bucket-record.ts'
import { bucketKey, lifecycleKey, lifecycleProgressKey } from '../keys.ts'
import { decodeLifecycleProgress, encodeLifecycleProgress } from '../lifecycle-progress-record.ts'
import { encodeLifecycleRecord, needsTimeIndex, type LifecycleRule } from '../lifecycle-record.ts'
import type { Transaction } from '../transaction.ts'
import { requireBucket } from './require-bucket.ts'

export interface SetBucketLifecycle {
  bucket: string
  bucketId: Buffer
  /** Undefined removes the configuration. */
  rules: LifecycleRule[] | undefined
  /** 16 bytes, new. */
  revision: Buffer
}

export async function setBucketLifecycle(
  transaction: Transaction,
  { bucket, bucketId, rules, revision }: SetBucketLifecycle
): Promise<void> {
  const record = await requireBucket(transaction, { bucket, bucketId })

  if (rules === undefined) transaction.delete(lifecycleKey(bucketId))
  else transaction.put(lifecycleKey(bucketId), encodeLifecycleRecord(rules))

  const timeIndex = nextState(record.timeIndex, needsTimeIndex(rules ?? []))
  transaction.put(bucketKey(bucket), encodeBucketRecord({ ...record, timeIndex }))
  if (timeIndex === 'none') return

  const key = lifecycleProgressKey(bucketId)
  const row = await transaction.get(key)
  const built = row === undefined ? Buffer.alloc(0) : decodeLifecycleProgress(row.value).built
  transaction.put(key, encodeLifecycleProgress({ revision, bucket, built, cursors: [] }))
}

/** An index that is being cleared is cleared to the end, even if it is wanted again: what is left of it is out of step. */
function nextState(state: BucketRecord['timeIndex'], isWanted: boolean): BucketRecord['timeIndex'] {
  switch (state) {
    case 'none':
      return isWanted ? 'building' : 'none'
    case 'building':
    case 'ready':
      return isWanted ? state : 'clearing'
    case 'clearing':
      return 'clearing'
  }
}
