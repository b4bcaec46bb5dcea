/**
 * The header of a journal file and of a snapshot: whose it is, and under which key.
 *
 *     file header, 128 bytes
 *     offset  size  field
 *          0     8  magic           "R2DJOURN" or "R2DSNAPS"
 *          8     4  version         1
 *         12     4  volume number
 *         16    16  store id
 *         32    16  volume id
 *         48    16  key id
 *         64     8  term            of a snapshot: its number
 *         72     8  term's first    sequence of the term's first record; of a snapshot: zero
 *         80     8  file's first    sequence of the file's first record; of a snapshot: zero
 *         88     8  created         milliseconds since the epoch
 *         96    16  snapshot id     of a journal file: zero
 *        112    12  reserved        zero
 *        124     4  checksum        CRC-32 of bytes [0, 124)
 *
 * Integers are little-endian.
 *
 * docs/format.md#metadata-on-the-volumes
 */

import assert from 'node:assert/strict'
import { crc32 } from 'node:zlib'
import type { FormatFault } from '../../storage/format-fault.ts'
import { readNumber, writeNumber } from './sealed-record.ts'

export const fileHeaderSize = 128

const magics = { journal: 'R2DJOURN', snapshot: 'R2DSNAPS' } as const
const version = 1
const noId = Buffer.alloc(16)

interface Belonging {
  /** 16 bytes each. */
  storeId: Buffer
  volumeId: Buffer
  keyId: Buffer
  volumeNumber: number
  /** Milliseconds since the epoch. */
  created: number
}

export interface JournalHeader extends Belonging {
  term: number
  /** Sequence of the term's first record: what earlier terms have from there on does not count. */
  termFirst: number
  /** Sequence of this file's first record. */
  first: number
}

export interface SnapshotHeader extends Belonging {
  /** Milliseconds since the epoch, counted up until it is free. */
  number: number
  /** 16 bytes. */
  snapshotId: Buffer
}

export type Decoded<T> = { header: T; fault?: never } | { header?: never; fault: FormatFault }

export function encodeJournalHeader(header: JournalHeader): Buffer {
  assert(header.term >= 1)
  assert(header.termFirst >= 1)
  assert(header.first >= header.termFirst)

  const { term, termFirst, first } = header
  return encode('journal', header, [term, termFirst, first], noId)
}

export function decodeJournalHeader(bytes: Buffer): Decoded<JournalHeader> {
  const { fields, fault } = decode('journal', bytes)
  if (fault !== undefined) return { fault }

  const { numbers, id, ...belonging } = fields
  const [term, termFirst, first] = numbers
  const isInRange = term >= 1 && termFirst >= 1 && first >= termFirst && id.equals(noId)
  return isInRange
    ? { header: { ...belonging, term, termFirst, first } }
    : { fault: 'invalid-field' }
}

export function encodeSnapshotHeader(header: SnapshotHeader): Buffer {
  assert(header.number >= 1)
  return encode('snapshot', header, [header.number, 0, 0], header.snapshotId)
}

export function decodeSnapshotHeader(bytes: Buffer): Decoded<SnapshotHeader> {
  const { fields, fault } = decode('snapshot', bytes)
  if (fault !== undefined) return { fault }

  const { numbers, id: snapshotId, ...belonging } = fields
  const [number, ...zeros] = numbers
  const isInRange = number >= 1 && zeros.every(zero => zero === 0)
  return isInRange ? { header: { ...belonging, number, snapshotId } } : { fault: 'invalid-field' }
}

function encode(
  kind: keyof typeof magics,
  { storeId, volumeId, keyId, volumeNumber, created }: Belonging,
  numbers: readonly [number, number, number],
  id: Buffer
): Buffer {
  for (const each of [storeId, volumeId, keyId, id]) assert(each.length === 16)
  assert(volumeNumber >= 1)

  const bytes = Buffer.alloc(fileHeaderSize)
  bytes.write(magics[kind], 'latin1')
  bytes.writeUInt32LE(version, 8)
  bytes.writeUInt32LE(volumeNumber, 12)
  storeId.copy(bytes, 16)
  volumeId.copy(bytes, 32)
  keyId.copy(bytes, 48)
  for (const [index, number] of numbers.entries()) writeNumber(bytes, number, 64 + 8 * index)
  writeNumber(bytes, created, 88)
  id.copy(bytes, 96)
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 124)), 124)
  return bytes
}

interface Fields extends Belonging {
  numbers: [number, number, number]
  id: Buffer
}

function decode(
  kind: keyof typeof magics,
  bytes: Buffer
): { fields: Fields; fault?: never } | { fields?: never; fault: FormatFault } {
  if (bytes.length < fileHeaderSize) return { fault: 'torn' }
  if (bytes.toString('latin1', 0, 8) !== magics[kind]) return { fault: 'bad-magic' }
  if (bytes.readUInt32LE(124) !== crc32(bytes.subarray(0, 124))) return { fault: 'bad-checksum' }
  if (bytes.readUInt32LE(8) !== version) return { fault: 'unknown-version' }

  const idAt = (offset: number): Buffer => Buffer.from(bytes.subarray(offset, offset + 16))
  const [a, b, c, created] = [64, 72, 80, 88].map(offset => readNumber(bytes, offset))
  const volumeNumber = bytes.readUInt32LE(12)
  const isReserved = bytes.subarray(112, 124).every(byte => byte === 0)
  if (a === undefined || b === undefined || c === undefined || created === undefined) {
    return { fault: 'invalid-field' }
  }
  if (volumeNumber < 1 || !isReserved) return { fault: 'invalid-field' }

  const ids = { storeId: idAt(16), volumeId: idAt(32), keyId: idAt(48), id: idAt(96) }
  return { fields: { ...ids, volumeNumber, created, numbers: [a, b, c] } }
}
