/**
 * An object record as the store's callers see it: without keys and places.
 */

import { normalizeKey } from '../metadata/keys.ts'
import { currentSince, type ObjectRecord } from '../metadata/object-record.ts'
import type { OpenBucket } from './bucket-catalog.ts'
import type { ObjectInfo } from './store.ts'

/** `bucket`: where the object is, to say when it expires there. */
export function toObjectInfo(
  record: ObjectRecord,
  bucket?: Pick<OpenBucket, 'lifecycle'>
): ObjectInfo {
  const { key, size, etag, uploaded, versionId, storageClass } = record
  const { httpMetadata, customMetadata, checksums, isComposite = false, customerKeyMd5 } = record

  return {
    key,
    size,
    etag,
    uploaded,
    versionId: versionId.toString('hex'),
    storageClass,
    httpMetadata,
    customMetadata,
    checksums,
    isComposite,
    partCount: record.parts?.reduce((sum, { count }) => sum + count, 0),
    parts: record.parts ?? [],
    customerKeyMd5,
    tags: record.tags ?? [],
    expiration: bucket?.lifecycle?.expiration(normalizeKey(key), currentSince(record))
  }
}
