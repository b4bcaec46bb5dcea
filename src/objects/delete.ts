/**
 * DeleteObject and DeleteObjects: one commit, whatever the number of keys.
 */

import { normalizeKey, objectKey } from '../metadata/keys.ts'
import type { StoreContext } from './context.ts'
import type { Precondition } from './store.ts'

/** A key that is absent counts as deleted. Resolves with the places of those whose precondition did not hold. */
export async function deleteObjects(
  { buckets, committer, now }: StoreContext,
  bucketName: string,
  keys: readonly string[],
  preconditions?: readonly (Precondition | undefined)[]
): Promise<number[]> {
  const { name, record } = await buckets.open(bucketName)
  const rowKeys = keys.map(key => objectKey(record.id, normalizeKey(key)))

  return committer.mutate('deleteObjects', {
    bucket: name,
    bucketId: record.id,
    rowKeys,
    preconditions,
    now: now()
  })
}
