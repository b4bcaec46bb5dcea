/**
 * The encoding of row values: a schema byte, a format byte, then fields in a fixed order.
 *
 *     unsigned    LEB128 varint, at most 8 bytes, at most 2^53 - 1, shortest form only
 *     bytes       unsigned length, then the bytes
 *     fixed       the bytes, where the schema knows how many
 *     text        as bytes, UTF-8
 *
 * One schema byte means one kind of row for ever; the format byte grows when its fields change, and decoders of older
 * formats stay. Decoders read exactly what encoders write: what is short, too long or out of range is
 * R2D_CORRUPT_RECORD, a format from a later release R2D_UNSUPPORTED_FORMAT.
 *
 * docs/format.md#rows
 */

import assert from 'node:assert/strict'
import { R2dError } from '../errors.ts'

const schemas = {
  store: 1,
  location: 2,
  volume: 3,
  credential: 4,
  bucket: 5,
  object: 6,
  extent: 7,
  manifestPage: 8,
  discard: 9,
  upload: 10,
  part: 11,
  cors: 12,
  lifecycle: 13,
  lifecycleProgress: 14,
  timeIndex: 15,
  repair: 16,
  journalPosition: 20,
  trash: 21,
  trashUsage: 22,
  scrub: 24
} as const

export type SchemaName = keyof typeof schemas

export class RowWriter {
  #bytes: Buffer
  #end = 0

  constructor(schema: SchemaName, format: number, sizeHint = 256) {
    this.#bytes = Buffer.allocUnsafe(sizeHint)
    this.byte(schemas[schema])
    this.byte(format)
  }

  byte(value: number): void {
    assert(value >= 0)
    assert(value <= 0xff)
    this.#reserve(1)
    this.#bytes[this.#end++] = value
  }

  unsigned(value: number): void {
    assert(Number.isSafeInteger(value))
    assert(value >= 0)
    this.#reserve(8)
    let left = value
    while (left >= 0x80) {
      this.#bytes[this.#end++] = (left % 0x80) | 0x80
      left = Math.floor(left / 0x80)
    }
    this.#bytes[this.#end++] = left
  }

  fixed(value: Uint8Array, size: number): void {
    assert(value.length === size)
    this.#reserve(size)
    this.#bytes.set(value, this.#end)
    this.#end += size
  }

  bytes(value: Uint8Array): void {
    this.unsigned(value.length)
    this.fixed(value, value.length)
  }

  text(value: string): void {
    const size = Buffer.byteLength(value)
    this.unsigned(size)
    this.#reserve(size)
    this.#end += this.#bytes.write(value, this.#end, size, 'utf8')
  }

  /** The row, in memory of its own. */
  finish(): Buffer {
    return Buffer.from(this.#bytes.subarray(0, this.#end))
  }

  #reserve(size: number): void {
    if (this.#end + size <= this.#bytes.length) return

    const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#end + size))
    this.#bytes.copy(larger, 0, 0, this.#end)
    this.#bytes = larger
  }
}

/** Its buffers share memory with the row. */
export class RowReader {
  readonly #bytes: Buffer
  readonly #schema: SchemaName
  #next = 0

  /** `format` is the newest that the caller reads. */
  constructor(schema: SchemaName, format: number, bytes: Buffer) {
    this.#schema = schema
    this.#bytes = bytes
    if (this.byte() !== schemas[schema]) throw this.corrupt('it is of another kind')
    const found = this.byte()
    if (found === 0) throw this.corrupt('its format is zero')
    if (found > format) {
      throw new R2dError(
        'R2D_UNSUPPORTED_FORMAT',
        `A ${schema} row has format ${found}; this release reads up to ${format}`,
        { hint: 'Use the release that wrote it, or a later one' }
      )
    }
  }

  byte(): number {
    const value = this.#bytes[this.#next]
    if (value === undefined) throw this.corrupt('it is cut short')
    this.#next++
    return value
  }

  unsigned(): number {
    let value = 0
    let scale = 1
    for (let count = 0; count < 8; count++) {
      const byte = this.byte()
      value += (byte & 0x7f) * scale
      if (byte < 0x80) {
        if (byte === 0 && count > 0) throw this.corrupt('a number is not in its shortest form')
        if (value > Number.MAX_SAFE_INTEGER) throw this.corrupt('a number is too large')
        return value
      }
      scale *= 0x80
    }
    throw this.corrupt('a number is too long')
  }

  /** A number of things that take at least `sizeMin` bytes each: never more than can follow. */
  count(sizeMin: number): number {
    const count = this.unsigned()
    if (count * sizeMin > this.#bytes.length - this.#next) throw this.corrupt('it is cut short')
    return count
  }

  fixed(size: number): Buffer {
    const end = this.#next + size
    if (end > this.#bytes.length) throw this.corrupt('it is cut short')
    const value = this.#bytes.subarray(this.#next, end)
    this.#next = end
    return value
  }

  /** Passes over a fixed field. */
  skip(size: number): void {
    if (this.#next + size > this.#bytes.length) throw this.corrupt('it is cut short')
    this.#next += size
  }

  bytes(): Buffer {
    return this.fixed(this.count(1))
  }

  text(): string {
    const size = this.count(1)
    const start = this.#next
    this.#next += size
    const value = this.#bytes.toString('utf8', start, this.#next)
    if (value.includes('\ufffd')) {
      const bytes = this.#bytes.subarray(start, this.#next)
      if (!Buffer.from(value).equals(bytes)) throw this.corrupt('a text is not UTF-8')
    }
    return value
  }

  /** Nothing may follow. */
  finish(): void {
    if (this.#next !== this.#bytes.length) throw this.corrupt('something follows it')
  }

  corrupt(reason: string): R2dError {
    const place = `byte ${this.#next} of ${this.#bytes.length}`
    return new R2dError(
      'R2D_CORRUPT_RECORD',
      `A ${this.#schema} row is corrupt at ${place}: ${reason}`
    )
  }
}
