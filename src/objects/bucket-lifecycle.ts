/**
 * A bucket's lifecycle rules. That they make sense is for the gateway to see; that they are carried out, for lifecycle-work.ts.
 */

import { newId } from '../crypto/key-wrap.ts'
import { lifecycleKey } from '../metadata/keys.ts'
import { decodeLifecycleRecord, type LifecycleRule } from '../metadata/lifecycle-record.ts'
import type { StoreContext } from './context.ts'

/** Undefined if the bucket has no configuration. */
export async function getBucketLifecycle(
  { buckets, metadata }: StoreContext,
  bucketName: string
): Promise<LifecycleRule[] | undefined> {
  const { record } = await buckets.open(bucketName)
  const row = await metadata.get(lifecycleKey(record.id))

  return row && decodeLifecycleRecord(row.value)
}

export async function setBucketLifecycle(
  { buckets, committer }: StoreContext,
  bucketName: string,
  rules: readonly LifecycleRule[] | undefined
): Promise<void> {
  const { name, record } = await buckets.open(bucketName)

  await committer.mutate('setBucketLifecycle', {
    bucket: name,
    bucketId: record.id,
    rules: rules === undefined ? undefined : [...rules],
    revision: newId()
  })
}
