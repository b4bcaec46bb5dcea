/**
 * DeleteObject and DeleteObjects: one commit, whatever the number of keys.
 */

import { normalizeKey, objectKey } from '../metadata/keys.ts'
import type { StoreContext } from './context.ts'

/** A key that is absent counts as deleted. */
export async function deleteObjects(
  { buckets, committer, now }: StoreContext,
  bucketName: string,
  keys: readonly string[]
): Promise<void> {
  const { name, record } = await buckets.open(bucketName)
  const rowKeys = keys.map(key => objectKey(record.id, normalizeKey(key)))

  await committer.mutate('deleteObjects', {
    bucket: name,
    bucketId: record.id,
    rowKeys,
    now: now()
  })
}
