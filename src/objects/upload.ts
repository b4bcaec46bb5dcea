/**
 * Multipart uploads: begun, listed, aborted.
 *
 * An upload id is 32 bytes: the time when it was begun (8, big-endian milliseconds), its id (16), and the first 8 bytes of
 * the HMAC-SHA256 of "r2d upload id 1" and a zero, the two, and the object's key, under the bucket's key. So the upload's
 * row is found without looking for it, and an id that was given once is told apart from one that never was.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html
 */

import { createHmac, timingSafeEqual } from 'node:crypto'
import { newId, newKey } from '../crypto/key-wrap.ts'
import { R2dError } from '../errors.ts'
import {
  normalizeKey,
  objectKey,
  parsePartKey,
  partRange,
  uploadKey,
  uploadRange
} from '../metadata/keys.ts'
import { decodePartRecord, type PartRecord } from '../metadata/part-record.ts'
import {
  decodeUploadRecord,
  encodeUploadRecord,
  type UploadRecord
} from '../metadata/upload-record.ts'
import type { Committer } from '../metadata/committer.ts'
import type { MutationParameters } from '../metadata/mutations.ts'
import type { OpenBucket } from './bucket-catalog.ts'
import { wrapContentKey } from './content-key.ts'
import type { StoreContext } from './context.ts'
import { requireMetadataSize } from './put.ts'
import { retryConflicts } from './retry-conflicts.ts'
import type { CreateUploadOptions, UploadTarget } from './store.ts'

const checkSize = 8
const uploadIdSize = 8 + 16 + checkSize

/** Part rows read at once. */
const fetchCount = 1000

export interface OpenUpload {
  bucket: OpenBucket
  /** Of the object that it is to become. */
  rowKey: Buffer
  uploadRowKey: Buffer
  record: UploadRecord
}

export async function createUpload(
  context: StoreContext,
  bucketName: string,
  key: string,
  options: CreateUploadOptions
): Promise<string> {
  requireMetadataSize(options.customMetadata)
  const keyBytes = normalizeKey(key)
  const bucket = await context.buckets.open(bucketName)

  const initiated = context.now()
  const id = newId()
  const record: UploadRecord = {
    ...wrapContentKey(bucket, id, newKey(), options.customerKey),
    key,
    revision: 0,
    storageClass: options.storageClass ?? bucket.record.storageClass,
    httpMetadata: options.httpMetadata,
    customMetadata: options.customMetadata,
    tags: options.tags ?? [],
    checksum: options.checksum
  }
  await context.committer.mutate('createUpload', {
    bucket: bucket.name,
    bucketId: bucket.record.id,
    rowKey: objectKey(bucket.record.id, keyBytes),
    uploadRowKey: uploadKey(bucket.record.id, { key: keyBytes, initiated, id }),
    precondition: options.precondition,
    now: initiated,
    value: encodeUploadRecord(record)
  })

  return encodeUploadId(bucket, keyBytes, { initiated, id })
}

/** R2D_NO_SUCH_UPLOAD. */
export async function openUpload(
  context: StoreContext,
  { bucket: bucketName, key, uploadId }: UploadTarget
): Promise<OpenUpload> {
  const bucket = await context.buckets.open(bucketName)
  const keyBytes = normalizeKey(key)
  const place = decodeUploadId(bucket, keyBytes, uploadId)
  if (place === undefined) throw noSuchUpload()

  const uploadRowKey = uploadKey(bucket.record.id, { key: keyBytes, ...place })
  const row = await context.metadata.get(uploadRowKey)
  if (row === undefined) throw noSuchUpload()
  return {
    bucket,
    rowKey: objectKey(bucket.record.id, keyBytes),
    uploadRowKey,
    record: decodeUploadRecord(row.value)
  }
}

/** One that was aborted or completed before is no error; one that never was is R2D_NO_SUCH_UPLOAD. */
export async function abortUpload(context: StoreContext, target: UploadTarget): Promise<void> {
  const bucket = await context.buckets.open(target.bucket)
  const key = normalizeKey(target.key)
  const place = decodeUploadId(bucket, key, target.uploadId)
  if (place === undefined) throw noSuchUpload()

  await abortUploadRow(context, uploadKey(bucket.record.id, { key, ...place }))
}

/** Every upload of a bucket; nothing is in it then, if nothing new is let in. */
export async function abortAllUploads(context: StoreContext, bucketId: Buffer): Promise<void> {
  for (;;) {
    await using cursor = context.metadata.scan(uploadRange(bucketId, Buffer.alloc(0)))
    const entries = await cursor.read(fetchCount)
    if (entries.length === 0) return
    for (const { key } of entries) await abortUploadRow(context, key)
  }
}

export interface AbortContext extends Pick<StoreContext, 'metadata' | 'now'> {
  committer: Pick<Committer, 'mutate'>
}

/** The upload in this row, and all its parts, in one commit. None there is no error. `rules` as the mutation has them. */
export async function abortUploadRow(
  { metadata, committer, now }: AbortContext,
  uploadRowKey: Buffer,
  rules?: MutationParameters<'abortUpload'>['rules']
): Promise<void> {
  await retryConflicts(async () => {
    const row = await metadata.get(uploadRowKey)
    if (row === undefined) return

    const { versionId, revision } = decodeUploadRecord(row.value)
    const partRowKeys: Buffer[] = []
    await using cursor = metadata.scan(partRange(versionId))
    for (;;) {
      const entries = await cursor.read(fetchCount)
      if (entries.length === 0) break
      for (const { key } of entries) partRowKeys.push(key)
    }
    try {
      const abort = { uploadRowKey, revision, partRowKeys, rules, now: now() }
      await committer.mutate('abortUpload', abort)
    } catch (error) {
      // Somebody else was faster.
      if (!(error instanceof R2dError && error.code === 'R2D_NO_SUCH_UPLOAD')) throw error
    }
  })
}

export interface NumberedPart {
  number: number
  rowKey: Buffer
  record: PartRecord
}

/** In the order of numbers, from the one after `after`. */
export async function* readParts(
  { metadata }: Pick<StoreContext, 'metadata'>,
  { versionId }: UploadRecord,
  after = 0
): AsyncGenerator<NumberedPart[], void, undefined> {
  const range = partRange(versionId)
  await using cursor = metadata.scan(range)
  if (after > 0) cursor.seek(partKeyAfter(range.gte, after))
  for (;;) {
    const entries = await cursor.read(fetchCount)
    if (entries.length === 0) return
    yield entries.map(({ key, value }) => ({
      number: parsePartKey(key),
      rowKey: key,
      record: decodePartRecord(value)
    }))
  }
}

function partKeyAfter(prefix: Buffer, number: number): Buffer {
  const next = Buffer.alloc(2)
  next.writeUInt16BE(number + 1)
  return Buffer.concat([prefix, next])
}

export function encodeUploadId(
  bucket: OpenBucket,
  key: Buffer,
  { initiated, id }: { initiated: number; id: Buffer }
): string {
  const bytes = Buffer.alloc(uploadIdSize)
  bytes.writeBigUInt64BE(BigInt(initiated))
  id.copy(bytes, 8)
  checkOf(bucket, key, bytes.subarray(0, -checkSize)).copy(bytes, uploadIdSize - checkSize)
  return bytes.toString('base64url')
}

/** Undefined if it was never given for this key. */
export function decodeUploadId(
  bucket: OpenBucket,
  key: Buffer,
  text: string
): { initiated: number; id: Buffer } | undefined {
  const bytes = Buffer.from(text, 'base64url')
  if (bytes.length !== uploadIdSize || bytes.toString('base64url') !== text) return undefined
  const check = checkOf(bucket, key, bytes.subarray(0, -checkSize))
  if (!timingSafeEqual(check, bytes.subarray(-checkSize))) return undefined

  return { initiated: Number(bytes.readBigUInt64BE()), id: bytes.subarray(8, 24) }
}

function checkOf(bucket: OpenBucket, key: Buffer, head: Buffer): Buffer {
  return createHmac('sha256', bucket.key)
    .update('r2d upload id 1\0')
    .update(head)
    .update(key)
    .digest()
    .subarray(0, checkSize)
}

function noSuchUpload(): R2dError {
  return new R2dError('R2D_NO_SUCH_UPLOAD', 'There is no such upload')
}
