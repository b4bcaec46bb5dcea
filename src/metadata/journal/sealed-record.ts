/**
 * A sealed record: what journal files and snapshots are made of.
 *
 *     record header, 64 bytes, then the payload
 *     offset  size  field
 *          0     4  magic           "R2DM"
 *          4     1  version         1
 *          5     1  kind            1 commit, 2 begin, 3 rows, 4 end
 *          6     2  flags           zero
 *          8     8  term            of a snapshot: its number
 *         16     8  sequence        of a snapshot: the record's index
 *         24    24  nonce
 *         48     4  payload size    bytes that follow: ciphertext and tag
 *         52     4  payload check   CRC-32 of the payload
 *         56     4  reserved        zero
 *         60     4  checksum        CRC-32 of bytes [0, 60)
 *
 * Integers are little-endian. Bytes [4, 24) are bound to the payload by its seal. The checksums find damage without a key; the
 * seal is what is believed.
 *
 * docs/format.md#sealed-record
 */

import assert from 'node:assert/strict'
import { crc32 } from 'node:zlib'
import {
  openRecord,
  recordNonceSize,
  recordOverhead,
  recordPlaceSize,
  sealRecord
} from '../../crypto/record-cipher.ts'
import type { FormatFault } from '../../storage/format-fault.ts'

export const recordHeaderSize = 64
/** Bytes of a payload: what a header may ask a reader to hold. A commit of 1,024 mutations stays far below it. */
const payloadSizeMax = 1024 * 1024 * 1024

export const recordMagic = Buffer.from('R2DM', 'latin1')
const version = 1
const kinds = { commit: 1, begin: 2, rows: 3, end: 4 } as const
const placeStart = 4
const placeEnd = placeStart + recordPlaceSize

export type RecordKind = keyof typeof kinds

export interface RecordPlace {
  kind: RecordKind
  term: number
  sequence: number
}

export interface SealedRecord extends RecordPlace {
  /** Header and payload. */
  bytes: Buffer
}

/** What a record is sealed with: the key (32 bytes), and the id (16) of the store or snapshot that it belongs to. */
export interface RecordSeal {
  key: Buffer
  ownerId: Buffer
}

export interface RecordHeader extends RecordPlace {
  payloadSize: number
  /** CRC-32. */
  payloadCheck: number
}

export type DecodedRecordHeader =
  { header: RecordHeader; fault?: never } | { header?: never; fault: FormatFault }

export function encodeSealedRecord(
  { kind, term, sequence }: RecordPlace,
  plaintext: Uint8Array,
  { key, ownerId }: RecordSeal
): SealedRecord {
  const payloadSize = plaintext.length + recordOverhead
  assert(payloadSize <= payloadSizeMax)

  const bytes = Buffer.allocUnsafeSlow(recordHeaderSize + payloadSize)
  bytes.fill(0, 0, recordHeaderSize)
  recordMagic.copy(bytes)
  bytes.writeUInt8(version, 4)
  bytes.writeUInt8(kinds[kind], 5)
  writeNumber(bytes, term, 8)
  writeNumber(bytes, sequence, 16)
  const payload = bytes.subarray(recordHeaderSize)
  const place = bytes.subarray(placeStart, placeEnd)
  sealRecord(payload, plaintext, { key, ownerId, place }).copy(bytes, placeEnd)
  bytes.writeUInt32LE(payloadSize, 48)
  bytes.writeUInt32LE(crc32(payload), 52)
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 60)), 60)
  return { kind, term, sequence, bytes }
}

export function decodeRecordHeader(bytes: Buffer): DecodedRecordHeader {
  if (bytes.length < recordHeaderSize) return { fault: 'torn' }
  if (!bytes.subarray(0, 4).equals(recordMagic)) return { fault: 'bad-magic' }
  if (bytes.readUInt32LE(60) !== crc32(bytes.subarray(0, 60))) return { fault: 'bad-checksum' }
  // From here on the header is as it was written: what is unknown is newer, not damaged.
  if (bytes.readUInt8(4) !== version) return { fault: 'unknown-version' }

  const kind = kindOf(bytes.readUInt8(5))
  const [term, sequence] = [readNumber(bytes, 8), readNumber(bytes, 16)]
  const payloadSize = bytes.readUInt32LE(48)
  const isReserved = bytes.readUInt16LE(6) === 0 && bytes.readUInt32LE(56) === 0
  if (kind === undefined || term === undefined || sequence === undefined || !isReserved) {
    return { fault: 'invalid-field' }
  }
  if (payloadSize < recordOverhead || payloadSize > payloadSizeMax) {
    return { fault: 'invalid-field' }
  }
  return { header: { kind, term, sequence, payloadSize, payloadCheck: bytes.readUInt32LE(52) } }
}

/** Whether the payload is as it was written, as far as that shows without a key. */
export function isWhole({ payloadSize, payloadCheck }: RecordHeader, record: Buffer): boolean {
  return (
    record.length === recordHeaderSize + payloadSize &&
    crc32(record.subarray(recordHeaderSize)) === payloadCheck
  )
}

/** The plaintext; undefined if it was not sealed with this. */
export function openSealedRecord(record: Buffer, { key, ownerId }: RecordSeal): Buffer | undefined {
  assert(record.length >= recordHeaderSize)
  const nonce = record.subarray(placeEnd, placeEnd + recordNonceSize)
  const place = record.subarray(placeStart, placeEnd)
  return openRecord(record.subarray(recordHeaderSize), nonce, { key, ownerId, place })
}

function kindOf(code: number): RecordKind | undefined {
  return (Object.keys(kinds) as RecordKind[]).find(kind => kinds[kind] === code)
}

/** Numbers are at least 1 and exact in a double, but for the index of a snapshot's first record. */
export function writeNumber(bytes: Buffer, value: number, offset: number): void {
  assert(Number.isSafeInteger(value))
  assert(value >= 0)
  bytes.writeBigUInt64LE(BigInt(value), offset)
}

export function readNumber(bytes: Buffer, offset: number): number | undefined {
  const value = Number(bytes.readBigUInt64LE(offset))
  return Number.isSafeInteger(value) ? value : undefined
}
