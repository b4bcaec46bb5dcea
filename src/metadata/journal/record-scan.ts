/**
 * Walks over the sealed records of a file, in order, past damage.
 *
 * What is not a whole record is passed over byte by byte up to the next header that is one: a record in front of damage, or
 * behind it, is as good as any. Nothing is opened here, so that no key is needed.
 */

import { R2dError } from '../../errors.ts'
import type { DataFile } from '../../file.ts'
import {
  decodeRecordHeader,
  isWhole,
  recordHeaderSize,
  recordMagic,
  type RecordHeader
} from './sealed-record.ts'

/** Bytes that are read at once. */
const windowSize = 1024 * 1024

export interface ScannedRecord extends RecordHeader {
  offset: number
  /** Header and payload, in memory of its own. */
  bytes: Buffer
}

/** Bytes that belong to no whole record. `isTail`: up to the end of the file, as a crash leaves it. */
export interface Damage {
  from: number
  to: number
  isTail: boolean
}

export type Scanned = { record: ScannedRecord; damage?: never } | { record?: never; damage: Damage }

export class RecordScan {
  readonly #file: DataFile
  #at: number
  #window = Buffer.alloc(0)
  #windowStart = 0

  constructor(file: DataFile, start: number) {
    this.#file = file
    this.#at = start
  }

  /** Undefined at the end. R2D_UNSUPPORTED_FORMAT for a record of a later release. */
  async next(): Promise<Scanned | undefined> {
    const from = this.#at
    const record = await this.#recordAt(from)
    if (record === undefined) {
      if ((await this.#bytes(from, 1)).length === 0) return undefined
      return this.#passDamage(from)
    }

    this.#at = from + record.bytes.length
    return { record }
  }

  async #passDamage(from: number): Promise<Scanned> {
    for (let at = from + 1; ;) {
      const bytes = await this.#bytes(at, windowSize)
      const found = bytes.indexOf(recordMagic)
      if (found === -1 && bytes.length < windowSize) {
        this.#at = at + bytes.length
        return { damage: { from, to: this.#at, isTail: true } }
      }
      // A magic may begin in the last bytes of this window.
      at += found === -1 ? bytes.length - recordMagic.length + 1 : found
      if (found === -1) continue
      if ((await this.#recordAt(at)) !== undefined) {
        this.#at = at
        return { damage: { from, to: at, isTail: false } }
      }
      at++
    }
  }

  /** The whole record at this place, if there is one. */
  async #recordAt(offset: number): Promise<ScannedRecord | undefined> {
    const { header, fault } = decodeRecordHeader(await this.#bytes(offset, recordHeaderSize))
    if (fault === 'unknown-version') {
      throw new R2dError('R2D_UNSUPPORTED_FORMAT', 'A record is of a format that is not known', {
        hint: 'Use the release that wrote it, or a later one'
      })
    }
    if (header === undefined) return undefined

    const size = recordHeaderSize + header.payloadSize
    const bytes = await this.#bytes(offset, size)
    return isWhole(header, bytes) ? { ...header, offset, bytes: Buffer.from(bytes) } : undefined
  }

  /** Fewer only at the end of the file; valid until the next call. */
  async #bytes(offset: number, size: number): Promise<Buffer> {
    const start = offset - this.#windowStart
    if (start >= 0 && start + size <= this.#window.length) {
      return this.#window.subarray(start, start + size)
    }

    // A payload may be long: memory is taken as the file has it, whatever a header says.
    const left = Math.max(0, (await this.#file.size()) - offset)
    const window = Buffer.allocUnsafeSlow(Math.min(left, Math.max(size, windowSize)))
    const count = await this.#file.read(window, offset)
    this.#window = window.subarray(0, count)
    this.#windowStart = offset
    return this.#window.subarray(0, size)
  }
}
