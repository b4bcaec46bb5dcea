/**
 * The tags of an object that is there.
 */

import { normalizeKey, objectKey } from '../metadata/keys.ts'
import type { StoreContext } from './context.ts'

/** R2D_NO_SUCH_KEY. Resolves with the id of the version that has them now. */
export async function setTags(
  { buckets, committer }: StoreContext,
  bucketName: string,
  key: string,
  tags: [name: string, value: string][]
): Promise<{ versionId: string }> {
  const { name, record } = await buckets.open(bucketName)
  const versionId = await committer.mutate('setObjectTags', {
    bucket: name,
    bucketId: record.id,
    rowKey: objectKey(record.id, normalizeKey(key)),
    tags
  })

  return { versionId: Buffer.from(versionId).toString('hex') }
}
