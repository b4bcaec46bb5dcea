/**
 * Segment: an append-only file of records, behind a header.
 *
 *     segment header, 80 bytes
 *     offset  size  field
 *          0     8  magic           "R2DSEGMT"
 *          8     4  version         1
 *         12     4  volume number
 *         16    16  store id
 *         32    16  volume id
 *         48     8  segment number
 *         56     8  created         milliseconds since the epoch
 *         64    12  reserved        zero
 *         76     4  checksum        CRC-32 of bytes [0, 76)
 *
 *     record header, 48 bytes, then the payload
 *     offset  size  field
 *          0     4  magic           "R2DX"
 *          4     1  version         1
 *          5     1  kind            1: extent
 *          6     2  flags           zero
 *          8    16  extent id
 *         24     4  plain size      bytes of plaintext
 *         28     4  payload size    bytes of ciphertext that follow: the frames in order
 *         32     4  payload check   CRC-32 of the payload
 *         36     8  reserved        zero
 *         44     4  checksum        CRC-32 of bytes [0, 44)
 *
 * Integers are little-endian. Records follow each other without a gap. The checksums are not against forgery, which the
 * frames' seals cover: they let a scrub verify a volume without its keys, and a lost index be rebuilt.
 *
 * docs/format.md#segment
 */

import assert from 'node:assert/strict'
import { crc32 } from 'node:zlib'
import { sealedSize } from '../crypto/frame-cipher.ts'
import { extentSizeMax } from '../limits.ts'
import type { FormatFault } from './format-fault.ts'

export const segmentHeaderSize = 80
export const recordHeaderSize = 48

const segmentMagic = Buffer.from('R2DSEGMT', 'latin1')
export const recordMagic = Buffer.from('R2DX', 'latin1')
const version = 1
const extentKind = 1

export interface SegmentHeader {
  /** 16 bytes. */
  storeId: Buffer
  /** 16 bytes. */
  volumeId: Buffer
  volumeNumber: number
  segmentNumber: number
  /** Milliseconds since the epoch. */
  created: number
}

export interface RecordHeader {
  /** 16 bytes. */
  extentId: Buffer
  plainSize: number
  payloadSize: number
  /** CRC-32. */
  payloadCheck: number
}

export type DecodedSegmentHeader =
  { header: SegmentHeader; fault?: never } | { header?: never; fault: FormatFault }

export type DecodedRecordHeader =
  { header: RecordHeader; fault?: never } | { header?: never; fault: FormatFault }

export function encodeSegmentHeader(header: SegmentHeader): Buffer {
  assert(header.storeId.length === 16)
  assert(header.volumeId.length === 16)
  assert(header.volumeNumber >= 1)
  assert(header.segmentNumber >= 1)

  const bytes = Buffer.alloc(segmentHeaderSize)
  segmentMagic.copy(bytes)
  bytes.writeUInt32LE(version, 8)
  bytes.writeUInt32LE(header.volumeNumber, 12)
  header.storeId.copy(bytes, 16)
  header.volumeId.copy(bytes, 32)
  bytes.writeBigUInt64LE(BigInt(header.segmentNumber), 48)
  bytes.writeBigUInt64LE(BigInt(header.created), 56)
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 76)), 76)
  return bytes
}

export function decodeSegmentHeader(bytes: Buffer): DecodedSegmentHeader {
  if (bytes.length < segmentHeaderSize) return { fault: 'torn' }
  if (!bytes.subarray(0, 8).equals(segmentMagic)) return { fault: 'bad-magic' }
  if (bytes.readUInt32LE(76) !== crc32(bytes.subarray(0, 76))) return { fault: 'bad-checksum' }
  if (bytes.readUInt32LE(8) !== version) return { fault: 'unknown-version' }

  const header = {
    storeId: Buffer.from(bytes.subarray(16, 32)),
    volumeId: Buffer.from(bytes.subarray(32, 48)),
    volumeNumber: bytes.readUInt32LE(12),
    segmentNumber: Number(bytes.readBigUInt64LE(48)),
    created: Number(bytes.readBigUInt64LE(56))
  }
  const isInRange =
    header.volumeNumber >= 1 &&
    header.segmentNumber >= 1 &&
    Number.isSafeInteger(header.segmentNumber) &&
    Number.isSafeInteger(header.created)
  const isReserved = bytes.subarray(64, 76).every(byte => byte === 0)
  return isInRange && isReserved ? { header } : { fault: 'invalid-field' }
}

export function encodeRecordHeader(header: RecordHeader): Buffer {
  assert(header.extentId.length === 16)
  assert(header.plainSize >= 1)
  assert(header.plainSize <= extentSizeMax)
  assert(header.payloadSize === sealedSize(header.plainSize))

  const bytes = Buffer.alloc(recordHeaderSize)
  recordMagic.copy(bytes)
  bytes.writeUInt8(version, 4)
  bytes.writeUInt8(extentKind, 5)
  header.extentId.copy(bytes, 8)
  bytes.writeUInt32LE(header.plainSize, 24)
  bytes.writeUInt32LE(header.payloadSize, 28)
  bytes.writeUInt32LE(header.payloadCheck, 32)
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 44)), 44)
  return bytes
}

/** The returned header owns its bytes. */
export function decodeRecordHeader(bytes: Buffer): DecodedRecordHeader {
  if (bytes.length < recordHeaderSize) return { fault: 'torn' }
  if (!bytes.subarray(0, 4).equals(recordMagic)) return { fault: 'bad-magic' }
  if (bytes.readUInt32LE(44) !== crc32(bytes.subarray(0, 44))) return { fault: 'bad-checksum' }
  // From here on the header is as it was written: what is unknown is newer, not damaged.
  if (bytes.readUInt8(4) !== version) return { fault: 'unknown-version' }

  const plainSize = bytes.readUInt32LE(24)
  const payloadSize = bytes.readUInt32LE(28)
  const isReserved = bytes.readUInt16LE(6) === 0 && bytes.readBigUInt64LE(36) === 0n
  if (bytes.readUInt8(5) !== extentKind || !isReserved) return { fault: 'invalid-field' }
  if (plainSize < 1 || plainSize > extentSizeMax) return { fault: 'invalid-field' }
  if (payloadSize !== sealedSize(plainSize)) return { fault: 'invalid-field' }

  const extentId = Buffer.from(bytes.subarray(8, 24))
  return {
    header: { extentId, plainSize, payloadSize, payloadCheck: bytes.readUInt32LE(32) }
  }
}

/** Bytes that an extent of this plain size takes in a segment. */
export function recordSize(plainSize: number): number {
  return recordHeaderSize + sealedSize(plainSize)
}

/** 12 hex digits: the names sort in the order in which segments were begun. */
export function segmentName(number: number): string {
  return `${number.toString(16).padStart(12, '0')}.segment`
}

/** Undefined if it is no segment's name. */
export function parseSegmentName(name: string): number | undefined {
  const digits = /^([0-9a-f]{12})\.segment$/.exec(name)?.[1]
  const number = digits === undefined ? 0 : Number.parseInt(digits, 16)
  return number >= 1 ? number : undefined
}
