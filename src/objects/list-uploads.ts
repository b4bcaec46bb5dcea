/**
 * ListParts and ListMultipartUploads.
 *
 * Uploads come in the order of their keys, and to one key in the order in which they were begun.
 */

import {
  parseUploadKey,
  prefixEnd,
  uploadKey,
  uploadKeyEnd,
  uploadRange,
  type UploadPlace
} from '../metadata/keys.ts'
import { decodeUploadRecord } from '../metadata/upload-record.ts'
import type { OpenBucket } from './bucket-catalog.ts'
import type { StoreContext } from './context.ts'
import { commonPrefix } from './list.ts'
import type {
  ListPartsResult,
  ListUploadsOptions,
  ListUploadsResult,
  PartInfo,
  UploadTarget
} from './store.ts'
import { decodeUploadId, encodeUploadId, openUpload, readParts } from './upload.ts'
import { toPartInfo } from './upload-part.ts'

const fetchCount = 256

export async function listParts(
  context: StoreContext,
  target: UploadTarget,
  { after, limit }: { after: number; limit: number }
): Promise<ListPartsResult> {
  const { bucket, uploadRowKey, record } = await openUpload(context, target)
  const place = parseUploadKey(uploadRowKey)
  const upload = toUploadInfo(bucket, place, record)
  const parts: PartInfo[] = []
  for await (const batch of readParts(context, record, after)) {
    for (const part of batch) {
      if (parts.length === limit) return { upload, parts, isTruncated: true }
      parts.push(toPartInfo(part.number, part.record, record))
    }
  }
  return { upload, parts, isTruncated: false }
}

export async function listUploads(
  context: StoreContext,
  bucketName: string,
  options: ListUploadsOptions
): Promise<ListUploadsResult> {
  const bucket = await context.buckets.open(bucketName)
  const { id: bucketId } = bucket.record
  const { limit } = options
  const prefix = Buffer.from(options.prefix.normalize('NFC'))
  const delimiter = Buffer.from(options.delimiter.normalize('NFC'))
  const marker = Buffer.from(options.keyMarker.normalize('NFC'))
  const range = uploadRange(bucketId, prefix)
  const page: ListUploadsResult = { uploads: [], prefixes: [], isTruncated: false, next: undefined }

  await using cursor = context.metadata.scan(range)
  if (marker.length > 0) cursor.seek(startOf(bucket, marker, options.uploadIdMarker))
  for (;;) {
    const entries = await cursor.read(fetchCount)
    if (entries.length === 0) return { ...page, next: undefined }

    for (const { key: rowKey, value } of entries) {
      const place = parseUploadKey(rowKey)
      const common = commonPrefix(place.key, prefix.length, delimiter)
      const isListed = common?.equals(marker) === true
      if (!isListed && page.uploads.length + page.prefixes.length === limit) {
        return { ...page, isTruncated: true }
      }

      if (common === undefined) {
        const upload = toUploadInfo(bucket, place, decodeUploadRecord(value))
        page.uploads.push(upload)
        page.next = { key: place.key.toString(), uploadId: upload.uploadId }
        continue
      }
      if (!isListed) {
        page.prefixes.push(common.toString())
        page.next = { key: common.toString(), uploadId: '' }
      }
      const next = prefixEnd(uploadRange(bucketId, common).gte)
      if (Buffer.compare(next, range.lt) >= 0) return { ...page, next: undefined }
      cursor.seek(next)
      break
    }
  }
}

/** The first row behind the markers. */
function startOf(bucket: OpenBucket, key: Buffer, uploadIdMarker: string): Buffer {
  const { id: bucketId } = bucket.record
  const place = uploadIdMarker === '' ? undefined : decodeUploadId(bucket, key, uploadIdMarker)
  if (place === undefined) return uploadKeyEnd(bucketId, key)

  return Buffer.concat([uploadKey(bucketId, { key, ...place }), Buffer.of(0)])
}

function toUploadInfo(
  bucket: OpenBucket,
  place: UploadPlace,
  { key, storageClass, checksum }: ReturnType<typeof decodeUploadRecord>
): ListPartsResult['upload'] {
  const { initiated } = place
  return {
    key,
    uploadId: encodeUploadId(bucket, place.key, place),
    initiated,
    storageClass,
    checksum
  }
}
