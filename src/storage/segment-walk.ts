/**
 * Walks one segment file from end to end: its records in order, and what is not a record.
 *
 *     80                                                                     size
 *     | record | record | damaged ......... | record | record | torn ......... |
 *                        no header here that verifies,         cut short by the end
 *                        up to the next one that does
 *
 * The header and the items that are found cover every byte of the file once. A header that does not verify says nothing
 * of where the next record is, so that it is looked for: magic and checksum are 8 bytes, which ciphertext does not
 * come to hold by chance. No key is needed, and the extent rows are not known here: what no row names is dead, whole or not.
 *
 * Reads are large and in order; memory is one window, whatever the records' sizes. A block that the disk cannot read
 * is damage of what stands in it, not the end of the walk.
 */

import assert from 'node:assert/strict'
import { crc32 } from 'node:zlib'
import { errnoOf, type DataFile } from '../file.ts'
import type { FormatFault } from './format-fault.ts'
import {
  decodeRecordHeader,
  decodeSegmentHeader,
  recordHeaderSize,
  recordMagic,
  segmentHeaderSize,
  type SegmentHeader
} from './segment-format.ts'

/** Bytes of one read. */
const windowSizeDefault = 1024 * 1024

/** Where only headers are wanted, less is read of what stands between them. */
const headerWindowSize = 64 * 1024

/** What is read at once where the disk failed: what it fails for is a sector. */
const blockSize = 4096

/** `foreign`: the header of another segment; `unreadable`: the disk gave an error. */
export type SegmentFault = FormatFault | 'foreign' | 'unreadable'

export interface SegmentRecord {
  kind: 'record'
  /** Of the record's first byte: what a replica's offset is. */
  offset: number
  /** Of header and payload. */
  size: number
  /** 16 bytes. */
  extentId: Buffer
  plainSize: number
  payloadSize: number
  /** CRC-32 that the header gives. */
  payloadCheck: number
  /** `unread` unless payloads are verified. */
  payload: 'whole' | 'damaged' | 'unread'
}

/** Bytes in which there is no record that can be recognised; or the segment's own header, at 0. */
export interface DamagedRange {
  kind: 'damaged'
  offset: number
  size: number
  fault: SegmentFault
}

/** A last record that the end of the file cuts short, or zeros up to there: what a crash leaves of an append. */
export interface TornTail {
  kind: 'torn'
  offset: number
  size: number
}

export type SegmentItem = SegmentRecord | DamagedRange | TornTail

export interface WalkOptions {
  /** What the segment's header has to say; it is as found where nothing is given. */
  expected?: Pick<SegmentHeader, 'storeId' | 'volumeId' | 'segmentNumber'>
  /** Whether payloads are read and compared with their checksums. */
  verifyPayloads?: boolean
  /** Bytes of one read, for tests. */
  windowSize?: number
}

/** Items in the order of their offsets, some for each window. Rejects with errors of the file system other than EIO. */
export async function* walkSegment(
  file: DataFile,
  options: WalkOptions = {}
): AsyncGenerator<SegmentItem[], void, undefined> {
  const { verifyPayloads = false, expected } = options
  const windowSize = options.windowSize ?? (verifyPayloads ? windowSizeDefault : headerWindowSize)
  const walk = new SegmentWalk(file, await file.size(), windowSize, verifyPayloads)
  yield* walk.run(expected)
}

class SegmentWalk {
  readonly #file: DataFile
  readonly #size: number
  readonly #verifiesPayloads: boolean
  readonly #memory: Buffer
  /** The bytes of the file that are in memory: [start, end). */
  #start = 0
  #end = 0
  /** Blocks among them that could not be read, and are zeros. */
  #unreadable: { start: number; end: number }[] = []

  constructor(file: DataFile, size: number, windowSize: number, verifiesPayloads: boolean) {
    assert(windowSize >= 2 * segmentHeaderSize)
    this.#file = file
    this.#size = size
    this.#verifiesPayloads = verifiesPayloads
    this.#memory = Buffer.allocUnsafeSlow(windowSize)
  }

  async *run(expected: WalkOptions['expected']): AsyncGenerator<SegmentItem[], void, undefined> {
    const first = await this.#header(expected)
    if (first !== undefined) yield [first]

    let items: SegmentItem[] = []
    let offset = segmentHeaderSize
    let from = offset
    while (offset < this.#size) {
      const bytes = this.#inWindow(offset, recordHeaderSize) ?? (await this.#load(offset))
      const { header, fault } = decodeRecordHeader(bytes.subarray(0, recordHeaderSize))
      if (header === undefined) {
        const item = await this.#unrecognised(offset, fault)
        items.push(item)
        offset += item.size
      } else if (offset + recordHeaderSize + header.payloadSize > this.#size) {
        items.push({ kind: 'torn', offset, size: this.#size - offset })
        offset = this.#size
      } else {
        const size = recordHeaderSize + header.payloadSize
        const check = this.#checkWindow(offset, size) ?? this.#checkPayload(offset, size)
        const payload = this.#verdict(
          typeof check === 'number' ? check : await check,
          header.payloadCheck
        )
        items.push({ kind: 'record', offset, size, ...header, payload })
        offset += size
      }
      if (offset - from >= this.#memory.length) {
        yield items
        items = []
        from = offset
      }
    }
    if (items.length > 0) yield items
  }

  async #header(expected: WalkOptions['expected']): Promise<SegmentItem | undefined> {
    if (this.#size < segmentHeaderSize) {
      return this.#size === 0 ? undefined : { kind: 'torn', offset: 0, size: this.#size }
    }
    const bytes = await this.#load(0)
    const { header, fault } = decodeSegmentHeader(bytes.subarray(0, segmentHeaderSize))
    const damaged = { kind: 'damaged', offset: 0, size: segmentHeaderSize } as const
    if (header === undefined) {
      return { ...damaged, fault: this.#isUnreadable(0, segmentHeaderSize) ? 'unreadable' : fault }
    }
    if (expected === undefined) return undefined

    const isExpected =
      header.storeId.equals(expected.storeId) &&
      header.volumeId.equals(expected.volumeId) &&
      header.segmentNumber === expected.segmentNumber
    return isExpected ? undefined : { ...damaged, fault: 'foreign' }
  }

  /** From a place where there should be a header to the next one that verifies, or to the end. */
  async #unrecognised(offset: number, fault: FormatFault): Promise<DamagedRange | TornTail> {
    // A header that the end cuts short has nothing behind it.
    if (fault === 'torn') return { kind: 'torn', offset, size: this.#size - offset }

    let isUnreadable = false
    let isZero = true
    let next = offset
    while (next < this.#size) {
      const bytes = this.#inWindow(next, recordHeaderSize) ?? (await this.#load(next))
      const found = findHeader(bytes)
      const isLast = next + bytes.length === this.#size
      // A header may begin in this window and end in the next.
      const passed = found ?? (isLast ? bytes.length : bytes.length - recordHeaderSize + 1)
      isUnreadable ||= this.#isUnreadable(next, next + passed)
      isZero &&= bytes.subarray(0, passed).every(byte => byte === 0)
      next += passed
      if (found !== undefined) break
    }

    const size = next - offset
    if (isZero && !isUnreadable && next === this.#size) return { kind: 'torn', offset, size }
    return { kind: 'damaged', offset, size, fault: isUnreadable ? 'unreadable' : fault }
  }

  /** The checksum of a payload that is in memory; 0 where payloads are not read. */
  #checkWindow(offset: number, size: number): number | undefined {
    if (!this.#verifiesPayloads) return 0

    const record = this.#inWindow(offset, size)
    return record && crc32(record.subarray(recordHeaderSize, size))
  }

  async #checkPayload(offset: number, size: number): Promise<number> {
    let check = 0
    let next = offset + recordHeaderSize
    const end = offset + size
    while (next < end) {
      const bytes = this.#inWindow(next, 1) ?? (await this.#load(next))
      const piece = bytes.subarray(0, end - next)
      check = crc32(piece, check)
      next += piece.length
    }
    return check
  }

  #verdict(check: number, expected: number): SegmentRecord['payload'] {
    if (!this.#verifiesPayloads) return 'unread'
    return check === expected ? 'whole' : 'damaged'
  }

  /** What is in memory from `offset` on, if that is `size` bytes or all up to the end. */
  #inWindow(offset: number, size: number): Buffer | undefined {
    const end = Math.min(offset + size, this.#size)
    if (offset < this.#start || end > this.#end) return undefined
    return this.#memory.subarray(offset - this.#start, this.#end - this.#start)
  }

  /** A window from `offset` on. */
  async #load(offset: number): Promise<Buffer> {
    const into = this.#memory.subarray(0, Math.min(this.#memory.length, this.#size - offset))
    this.#start = offset
    this.#end = offset
    this.#unreadable = []
    try {
      requireAll(await this.#file.read(into, offset), into)
    } catch (error) {
      if (errnoOf(error) !== 'EIO') throw error
      await this.#loadBlocks(into, offset)
    }
    this.#end = offset + into.length
    return into
  }

  async #loadBlocks(into: Buffer, offset: number): Promise<void> {
    for (let at = 0; at < into.length;) {
      // Up to the next multiple of a block in the file.
      const size = Math.min(blockSize - ((offset + at) % blockSize), into.length - at)
      const block = into.subarray(at, at + size)
      try {
        requireAll(await this.#file.read(block, offset + at), block)
      } catch (error) {
        if (errnoOf(error) !== 'EIO') throw error
        block.fill(0)
        this.#unreadable.push({ start: offset + at, end: offset + at + size })
      }
      at += size
    }
  }

  #isUnreadable(start: number, end: number): boolean {
    return this.#unreadable.some(block => block.start < end && start < block.end)
  }
}

/** Where in `bytes` the first header stands that verifies. */
function findHeader(bytes: Buffer): number | undefined {
  for (let at = 0; ; at++) {
    at = bytes.indexOf(recordMagic, at)
    if (at === -1 || at + recordHeaderSize > bytes.length) return undefined
    if (decodeRecordHeader(bytes.subarray(at, at + recordHeaderSize)).header !== undefined) {
      return at
    }
  }
}

/** A segment only grows while it is read: where it is shorter than it was, another has changed it. */
function requireAll(count: number, into: Buffer): void {
  if (count === into.length) return
  throw Object.assign(new Error('The segment has become shorter while it was read'), {
    code: 'EIO'
  })
}
