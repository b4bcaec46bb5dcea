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
import { readObject } from './get.ts'
import { toObjectInfo } from './object-info.ts'
import { requireMetadataSize } from './put.ts'
import { retryConflicts } from './retry-conflicts.ts'
import type { CopyOptions, ObjectInfo } from './store.ts'

export async function copy(context: StoreContext, options: CopyOptions): Promise<ObjectInfo> {
  if (options.replace !== undefined) requireMetadataSize(options.replace.customMetadata)

  return retryConflicts(() => copyOnce(context, options))
}

async function copyOnce(context: StoreContext, options: CopyOptions): Promise<ObjectInfo> {
  const sourceBucket = await context.buckets.open(options.sourceBucket)
  const bucket = await context.buckets.open(options.bucket)
  const rowKey = objectKey(bucket.record.id, normalizeKey(options.key))
  const source = await readObject(context, sourceBucket, options.sourceKey)
  const { sourcePrecondition } = options
  if (sourcePrecondition !== undefined && evaluate(sourcePrecondition, source) !== 'holds') {
    throw new R2dError('R2D_PRECONDITION_FAILED', 'The precondition on the source does not hold')
  }

  const contentKey = openContentKey(sourceBucket, source, options.sourceCustomerKey)
  const { customerKeyMd5: _, ...kept } = source
  const now = context.now()
  const record: ObjectRecord = {
    ...kept,
    ...options.replace,
    ...wrapContentKey(bucket, newId(), contentKey, options.customerKey),
    key: options.key,
    uploaded: now,
    storageClass: options.storageClass ?? bucket.record.storageClass
  }
  await context.committer.mutate('copyObject', {
    sourceRowKey: objectKey(sourceBucket.record.id, normalizeKey(options.sourceKey)),
    sourceVersionId: source.versionId,
    bucket: bucket.name,
    bucketId: bucket.record.id,
    rowKey,
    precondition: options.precondition,
    now,
    value: encodeObjectRecord(record)
  })

  return toObjectInfo(record, bucket)
}
