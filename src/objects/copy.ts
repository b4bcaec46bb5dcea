/**
 * CopyObject: a new row over the same extents.
 */

import { newId } from '../crypto/key-wrap.ts'
import { R2dError } from '../errors.ts'
import { normalizeKey, objectKey } from '../metadata/keys.ts'
import { encodeObjectRecord, type ObjectRecord } from '../metadata/object-record.ts'
import { evaluate } from '../metadata/precondition.ts'
import { openContentKey, wrapContentKey } from './content-key.ts'
import type { StoreContext } from './context.ts'
import { toObjectInfo } from './object-info.ts'
import { requireMetadataSize } from './put.ts'
import { retryConflicts } from './retry-conflicts.ts'
import type { CopyOptions, ObjectInfo, Precondition } from './store.ts'

interface Copied {
  info: ObjectInfo
  source: ObjectInfo
}

export function copy(context: StoreContext, options: CopyOptions): Promise<Copied> {
  return retryConflicts(() => copyOnce(context, options))
}

/** R2D_PRECONDITION_FAILED. The commit that follows has to require the version that was judged. */
export function requireSource(source: ObjectRecord, precondition: Precondition | undefined): void {
  if (precondition === undefined || evaluate(precondition, source) === 'holds') return

  throw new R2dError('R2D_PRECONDITION_FAILED', 'The precondition on the source does not hold')
}

async function copyOnce(context: StoreContext, options: CopyOptions): Promise<Copied> {
  const sourceBucket = await context.buckets.open(options.sourceBucket)
  const bucket = await context.buckets.open(options.bucket)
  const rowKey = objectKey(bucket.record.id, normalizeKey(options.key))
  const { record: source } = await context.objects.read(sourceBucket, options.sourceKey)
  requireSource(source, options.sourcePrecondition)

  const contentKey = openContentKey(sourceBucket, source, options.sourceCustomerKey)
  const { httpMetadata, customMetadata } = options.metadataOf?.(toObjectInfo(source)) ?? source
  requireMetadataSize(customMetadata)
  const { customerKeyMd5: _, tags: __, restored: ___, ...kept } = source
  const now = context.now()
  const record: ObjectRecord = {
    ...kept,
    httpMetadata,
    customMetadata,
    ...wrapContentKey(bucket, newId(), contentKey, options.customerKey),
    key: options.key,
    uploaded: now,
    storageClass: options.storageClass ?? bucket.record.storageClass,
    ...tagsOf(options.tags ?? source.tags)
  }
  await context.committer.mutate('copyObject', {
    sourceRowKey: objectKey(sourceBucket.record.id, normalizeKey(options.sourceKey)),
    sourceVersionId: source.versionId,
    bucket: bucket.name,
    bucketId: bucket.record.id,
    rowKey,
    precondition: options.precondition,
    minIntervalMs: options.minIntervalMs,
    now,
    value: encodeObjectRecord(record)
  })

  return { info: toObjectInfo(record, bucket), source: toObjectInfo(source, sourceBucket) }
}

function tagsOf(tags: ObjectRecord['tags']): Pick<ObjectRecord, 'tags'> {
  return tags === undefined || tags.length === 0 ? {} : { tags }
}
