/**
 * Every row key and range: one byte that says what kind of row it is, then what names it.
 *
 *     "s"                                    the store
 *     "l" location name                      a location
 *     "v" volume number (4, big-endian)      a volume
 *     "k" access key id                      an S3 access key
 *     "b" bucket name                        a bucket
 *     "o" bucket id (12) key                 an object: the key's NFC form in UTF-8
 *     "e" extent id (16)                     an extent
 *     "m" page id (16)                       a manifest page
 *     "d" discarded (8) version or part id (16)
 *                                            what a version or part that is gone referred to; milliseconds, big-endian
 *     "u" bucket id (12) key 00 time (8) upload id (16)
 *                                            a multipart upload: the key with 00 as 00 ff, the time big-endian
 *     "p" upload id (16) number (2)          a part of an upload: the number big-endian
 *     "c" bucket id (12)                     a bucket's CORS rules
 *     "r" bucket id (12)                     a bucket's lifecycle rules
 *     "w" bucket id (12)                     how far the work on a bucket's lifecycle has come
 *     "t" bucket id (12) uploaded (8) key    an object by its upload time, milliseconds, big-endian
 *     "i" bucket id (12) initiated (8) upload id (16) key
 *                                            an upload by the time when it was begun, milliseconds, big-endian
 *     "q" extent id (16)                     an extent that has fewer replicas than it is to have, or may have a bad one
 *     "j"                                    the journal position
 *     "z" bucket id (12) removed (8) version id (16)
 *                                            a deleted or replaced object that is kept: since when, milliseconds, big-endian
 *     "y" bucket id (12)                     how much of that a bucket has
 *     "x"                                    how far scrub has come
 *     0x00                                   the engine's own: the number of the last commit
 *
 * Rows order by unsigned bytes, so that objects of one bucket stand together in the order in which S3 lists them.
 *
 * docs/format.md#row-keys
 */

import assert from 'node:assert/strict'
import { R2dError } from '../errors.ts'
import { keySizeMax } from '../limits.ts'
import { bucketIdSize } from './bucket-record.ts'
import type { Range } from './engine.ts'

const kinds = {
  store: 's',
  location: 'l',
  volume: 'v',
  credential: 'k',
  bucket: 'b',
  object: 'o',
  extent: 'e',
  manifestPage: 'm',
  discard: 'd',
  upload: 'u',
  part: 'p',
  cors: 'c',
  lifecycle: 'r',
  lifecycleProgress: 'w',
  timeIndex: 't',
  uploadIndex: 'i',
  scrub: 'x',
  repair: 'q',
  journalPosition: 'j',
  trash: 'z',
  trashUsage: 'y'
} as const

export type RowKind = keyof typeof kinds

/** Undefined for what is no row of the store. */
export function rowKindOf(key: Buffer): RowKind | undefined {
  const code = key.toString('latin1', 0, 1)
  return (Object.keys(kinds) as RowKind[]).find(kind => kinds[kind] === code)
}

export const scrubKey = (): Buffer => Buffer.from(kinds.scrub)

export function storeKey(): Buffer {
  return Buffer.from(kinds.store)
}

export function journalPositionKey(): Buffer {
  return Buffer.from(kinds.journalPosition)
}

/** Every row of the store: what the engine keeps for itself is below, and no kind is above. */
export function everyRow(): Range {
  return { gte: Buffer.of(1), lt: Buffer.of(0xff) }
}

export function locationKey(name: string): Buffer {
  return Buffer.from(kinds.location + name)
}

export function locationRange(): Range {
  return prefixRange(Buffer.from(kinds.location))
}

export function parseLocationKey(key: Buffer): string {
  return key.toString('utf8', 1)
}

export function volumeKey(number: number): Buffer {
  const key = Buffer.from(`${kinds.volume}\0\0\0\0`)
  key.writeUInt32BE(number, 1)
  return key
}

export function volumeRange(): Range {
  return prefixRange(Buffer.from(kinds.volume))
}

export function parseVolumeKey(key: Buffer): number {
  assert(key.length === 5)
  return key.readUInt32BE(1)
}

export function credentialKey(accessKeyId: string): Buffer {
  return Buffer.from(kinds.credential + accessKeyId)
}

export function credentialRange(): Range {
  return prefixRange(Buffer.from(kinds.credential))
}

export function parseCredentialKey(key: Buffer): string {
  return key.toString('utf8', 1)
}

export function bucketKey(name: string): Buffer {
  return Buffer.from(kinds.bucket + name)
}

/** The buckets whose names begin with `prefix`. */
export function bucketRange(prefix: string): Range {
  return prefixRange(bucketKey(prefix))
}

export function parseBucketKey(key: Buffer): string {
  return key.toString('utf8', 1)
}

export function corsKey(bucketId: Buffer): Buffer {
  return ofBucket(kinds.cors, bucketId)
}

export function lifecycleKey(bucketId: Buffer): Buffer {
  return ofBucket(kinds.lifecycle, bucketId)
}

export function lifecycleProgressKey(bucketId: Buffer): Buffer {
  return ofBucket(kinds.lifecycleProgress, bucketId)
}

export function lifecycleProgressRange(): Range {
  return prefixRange(Buffer.from(kinds.lifecycleProgress))
}

export function parseLifecycleProgressKey(rowKey: Buffer): Buffer {
  assert(rowKey.length === 1 + bucketIdSize)
  return rowKey.subarray(1)
}

const objectPrefix = Buffer.from(kinds.object)
const objectHeadSize = objectPrefix.length + bucketIdSize

/** `key` as `normalizeKey` gives it. */
export function objectKey(bucketId: Buffer, key: Buffer): Buffer {
  assert(bucketId.length === bucketIdSize)
  return Buffer.concat([objectPrefix, bucketId, key], objectHeadSize + key.length)
}

export function isObjectKey(rowKey: Buffer): boolean {
  return rowKey[0] === objectPrefix[0]
}

/** The objects of a bucket whose keys begin with `prefix`. */
export function objectRange(bucketId: Buffer, prefix: Buffer): Range {
  return prefixRange(objectKey(bucketId, prefix))
}

/** The key shares memory with the row's. */
export function parseObjectKey(rowKey: Buffer): { bucketId: Buffer; key: Buffer } {
  assert(rowKey.length > objectHeadSize)
  return {
    bucketId: rowKey.subarray(objectPrefix.length, objectHeadSize),
    key: rowKey.subarray(objectHeadSize)
  }
}

/** Where an upload stands among the others: by key, then by the time when it was begun. */
export interface UploadPlace {
  /** As `normalizeKey` gives it. */
  key: Buffer
  /** Milliseconds since the epoch. */
  initiated: number
  /** 16 bytes. */
  id: Buffer
}

const uploadTailSize = 8 + 16

/**
 * A zero byte in the key is written as 00 ff and one more zero ends it, so that uploads order as their keys do: what
 * follows the end, a time in milliseconds, begins with a zero for ever.
 */
export function uploadKey(bucketId: Buffer, { key, initiated, id }: UploadPlace): Buffer {
  const tail = Buffer.alloc(1 + uploadTailSize)
  tail.writeBigUInt64BE(BigInt(initiated), 1)
  assert(tail[1] === 0)
  assert(id.length === 16)
  id.copy(tail, 9)
  return Buffer.concat([uploadHead(bucketId, key), tail])
}

/** The uploads of a bucket to keys that begin with `prefix`. */
export function uploadRange(bucketId: Buffer, prefix: Buffer): Range {
  return prefixRange(uploadHead(bucketId, prefix))
}

/** The first place behind all uploads to this key. */
export function uploadKeyEnd(bucketId: Buffer, key: Buffer): Buffer {
  return Buffer.concat([uploadHead(bucketId, key), Buffer.of(0, 1)])
}

export function parseUploadKey(rowKey: Buffer): UploadPlace {
  const end = rowKey.length - uploadTailSize - 1
  assert(end >= objectHeadSize)
  const escaped = rowKey.subarray(objectHeadSize, end)
  const key: number[] = []
  for (let at = 0; at < escaped.length; at++) {
    const byte = escaped.readUInt8(at)
    key.push(byte)
    if (byte === 0) at++
  }
  return {
    key: Buffer.from(key),
    initiated: Number(rowKey.readBigUInt64BE(end + 1)),
    id: rowKey.subarray(end + 9)
  }
}

function uploadHead(bucketId: Buffer, key: Buffer): Buffer {
  assert(bucketId.length === bucketIdSize)
  const escaped = key.includes(0)
    ? Buffer.from(key.toString('latin1').replaceAll('\0', '\0\xff'), 'latin1')
    : key
  return Buffer.concat([Buffer.from(kinds.upload), bucketId, escaped])
}

/** Of the upload in this row. */
export function uploadIndexKey(uploadRowKey: Buffer): Buffer {
  const { key, initiated, id } = parseUploadKey(uploadRowKey)
  const time = Buffer.alloc(8)
  time.writeBigUInt64BE(BigInt(initiated))
  const bucketId = uploadRowKey.subarray(1, objectHeadSize)
  return Buffer.concat([Buffer.from(kinds.uploadIndex), bucketId, time, id, key])
}

export function parseUploadIndexKey(rowKey: Buffer): { bucketId: Buffer; place: UploadPlace } {
  const bucketId = rowKey.subarray(1, objectHeadSize)
  const tail = rowKey.subarray(objectHeadSize)
  assert(tail.length > uploadTailSize)
  const place = {
    key: tail.subarray(uploadTailSize),
    initiated: Number(tail.readBigUInt64BE(0)),
    id: tail.subarray(8, uploadTailSize)
  }
  return { bucketId, place }
}

/** The uploads of all buckets, or of one that were begun at `initiatedMax` or before. */
export function uploadIndexRange(of?: { bucketId: Buffer; initiatedMax: number }): Range {
  if (of === undefined) return prefixRange(Buffer.from(kinds.uploadIndex))

  const gte = ofBucket(kinds.uploadIndex, of.bucketId)
  const time = Buffer.alloc(8)
  time.writeBigUInt64BE(BigInt(of.initiatedMax + 1))
  return { gte, lt: Buffer.concat([gte, time]) }
}

/** `number`: 1 to 10,000. */
export function partKey(uploadId: Buffer, number: number): Buffer {
  assert(uploadId.length === 16)
  const key = Buffer.alloc(19)
  key.write(kinds.part, 'latin1')
  uploadId.copy(key, 1)
  key.writeUInt16BE(number, 17)
  return key
}

/** The parts of an upload, in the order of their numbers. */
export function partRange(uploadId: Buffer): Range {
  return prefixRange(idKey(kinds.part, uploadId))
}

export function parsePartKey(rowKey: Buffer): number {
  assert(rowKey.length === 19)
  return rowKey.readUInt16BE(17)
}

const timeIndexHeadSize = 1 + bucketIdSize + 8

/** `uploaded`: milliseconds since the epoch. `key` as `normalizeKey` gives it. */
export function timeIndexKey(bucketId: Buffer, uploaded: number, key: Buffer): Buffer {
  return Buffer.concat([ofBucket(kinds.timeIndex, bucketId), timeIndexPosition(uploaded, key)])
}

/** The part of an index row's key that orders it within its bucket. */
export function timeIndexPosition(uploaded: number, key: Buffer): Buffer {
  const position = Buffer.allocUnsafe(8 + key.length)
  position.writeBigUInt64BE(BigInt(uploaded), 0)
  key.copy(position, 8)
  return position
}

/** The index rows of a bucket behind a position, up to those of `uploadedMax`, which are included. */
export function timeIndexRange(
  bucketId: Buffer,
  { after = Buffer.alloc(0), uploadedMax }: { after?: Buffer; uploadedMax?: number } = {}
): Range {
  const prefix = ofBucket(kinds.timeIndex, bucketId)
  // No key of a row is empty behind the time, so that a position without one is before all of that time.
  const gte = after.length === 0 ? prefix : Buffer.concat([prefix, after, Buffer.alloc(1)])
  const lt =
    uploadedMax === undefined
      ? prefixEnd(prefix)
      : timeIndexKey(bucketId, uploadedMax + 1, Buffer.alloc(0))

  return { gte, lt }
}

/** The position and the key in it share memory with the row's. */
export function parseTimeIndexKey(rowKey: Buffer): {
  position: Buffer
  uploaded: number
  key: Buffer
} {
  assert(rowKey.length > timeIndexHeadSize)
  const position = rowKey.subarray(1 + bucketIdSize)
  return {
    position,
    uploaded: Number(position.readBigUInt64BE(0)),
    key: position.subarray(8)
  }
}

/** Where an object is in the trash of its bucket. */
export interface TrashPlace {
  /** When it ceased to be the current one, milliseconds since the epoch. */
  removed: number
  /** 16 bytes. */
  versionId: Buffer
}

const trashTailSize = 8 + 16

export function trashKey(bucketId: Buffer, removed: number, versionId: Buffer): Buffer {
  assert(versionId.length === 16)
  const time = Buffer.alloc(8)
  time.writeBigUInt64BE(BigInt(removed))
  return Buffer.concat([ofBucket(kinds.trash, bucketId), time, versionId])
}

export function parseTrashKey(rowKey: Buffer): TrashPlace {
  assert(rowKey.length === 1 + bucketIdSize + trashTailSize)
  const tail = rowKey.subarray(1 + bucketIdSize)
  return { removed: Number(tail.readBigUInt64BE(0)), versionId: tail.subarray(8) }
}

/** The trash of a bucket, or what came into it after one moment, or up to and with another. */
export function trashRange(
  bucketId: Buffer,
  { removedAfter, removedMax }: { removedAfter?: number; removedMax?: number } = {}
): Range {
  const prefix = ofBucket(kinds.trash, bucketId)
  const at = (time: number): Buffer =>
    trashKey(bucketId, time, Buffer.alloc(16)).subarray(0, prefix.length + 8)
  return {
    gte: removedAfter === undefined ? prefix : at(removedAfter + 1),
    lt: removedMax === undefined ? prefixEnd(prefix) : at(removedMax + 1)
  }
}

export function trashUsageKey(bucketId: Buffer): Buffer {
  return ofBucket(kinds.trashUsage, bucketId)
}

export function trashUsageRange(): Range {
  return prefixRange(Buffer.from(kinds.trashUsage))
}

export function parseTrashUsageKey(rowKey: Buffer): Buffer {
  assert(rowKey.length === 1 + bucketIdSize)
  return rowKey.subarray(1)
}

export function extentKey(id: Buffer): Buffer {
  return idKey(kinds.extent, id)
}

export function extentRange(): Range {
  return prefixRange(Buffer.from(kinds.extent))
}

/** The extent's id; it shares memory with the row's key. */
export function parseExtentKey(rowKey: Buffer): Buffer {
  assert(rowKey.length === 17)
  return rowKey.subarray(1)
}

export function manifestPageKey(id: Buffer): Buffer {
  return idKey(kinds.manifestPage, id)
}

/** `discarded`: milliseconds since the epoch, so that what is to be released stands in order, behind what was. */
export function discardKey(discarded: number, id: Buffer): Buffer {
  assert(id.length === 16)
  const key = discardPosition(discarded, 16)
  id.copy(key, 9)
  return key
}

/** The discards of that time and later. */
export function discardRange(discardedMin = 0): Range {
  return { gte: discardPosition(discardedMin, 0), lt: prefixEnd(Buffer.from(kinds.discard)) }
}

function discardPosition(discarded: number, tailSize: number): Buffer {
  const key = Buffer.alloc(9 + tailSize)
  key.write(kinds.discard, 'latin1')
  key.writeBigUInt64BE(BigInt(discarded), 1)
  return key
}

export function repairKey(extentId: Buffer): Buffer {
  return idKey(kinds.repair, extentId)
}

export function repairRange(): Range {
  return prefixRange(Buffer.from(kinds.repair))
}

/** The extent's id; it shares memory with the row's key. */
export function parseRepairKey(rowKey: Buffer): Buffer {
  assert(rowKey.length === 17)
  return rowKey.subarray(1)
}

/** The least key that is greater than every key with this prefix. */
export function prefixEnd(prefix: Buffer): Buffer {
  let length = prefix.length
  while (length > 0 && prefix[length - 1] === 0xff) length--
  assert(length > 0, 'A row key begins with its kind, which is less than 0xff')

  const end = Buffer.from(prefix.subarray(0, length))
  end.writeUInt8(end.readUInt8(length - 1) + 1, length - 1)
  return end
}

/**
 * An S3 key as the store names it: UTF-8 of its NFC form, because R2 takes two spellings of one text for one key.
 * R2D_INVALID_KEY for the empty key, one over `keySizeMax` bytes, and text that UTF-8 cannot hold.
 */
export function normalizeKey(key: string): Buffer {
  if (key === '') throw invalidKey('a key has at least one byte')
  if (!key.isWellFormed()) throw invalidKey('it is not valid Unicode')

  const bytes = Buffer.from(key.normalize('NFC'))
  if (bytes.length > keySizeMax || Buffer.byteLength(key) > keySizeMax) {
    throw invalidKey(`it is longer than ${keySizeMax} bytes`)
  }
  return bytes
}

function invalidKey(reason: string): R2dError {
  return new R2dError('R2D_INVALID_KEY', `The object key is not valid: ${reason}`)
}

function ofBucket(kind: string, bucketId: Buffer): Buffer {
  assert(bucketId.length === bucketIdSize)
  return Buffer.concat([Buffer.from(kind), bucketId])
}

function idKey(kind: string, id: Buffer): Buffer {
  assert(id.length === 16)
  const key = Buffer.allocUnsafe(17)
  key.write(kind, 'latin1')
  id.copy(key, 1)
  return key
}

function prefixRange(prefix: Buffer): Range {
  return { gte: prefix, lt: prefixEnd(prefix) }
}
