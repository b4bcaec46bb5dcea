/**
 * A bucket's CORS rules. That they make sense is for the gateway to see: here they are kept.
 */

import { encodeCorsRecord, type CorsRule } from '../metadata/cors-record.ts'
import type { StoreContext } from './context.ts'

/** Undefined if the bucket has none. */
export async function getBucketCors(
  { buckets }: StoreContext,
  bucketName: string
): Promise<readonly CorsRule[] | undefined> {
  return (await buckets.open(bucketName)).corsRules
}

export async function setBucketCors(
  { buckets, committer }: StoreContext,
  bucketName: string,
  rules: readonly CorsRule[] | undefined
): Promise<void> {
  const { name, record } = await buckets.open(bucketName)

  await committer.mutate('setBucketCors', {
    bucket: name,
    bucketId: record.id,
    value: rules === undefined ? undefined : encodeCorsRecord(rules)
  })
}
