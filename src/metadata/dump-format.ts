/**
 * Dumps of all rows, to be kept or looked into elsewhere. Both forms say at their end how many rows they have: one that was cut
 * short is refused.
 *
 *     NDJSON    {"format":"r2d metadata dump 1","storeId":"..."}
 *               {"kind":"object","key":"<hex>","value":"<base64>","record":{...}}
 *               {"rows":1,"check":"<SHA-256 of all keys and values, hex>"}
 *
 *     binary    "R2DDUMP1", then for each run of rows: size (4), CRC-32 (4), rows as in records; then a size of zero, the number
 *               of rows (8), and the CRC-32 of these twelve bytes (4); little-endian
 *
 * docs/format.md#dumps
 */

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { R2dError } from '../errors.ts'
import { decodeRows, encodeBatch } from './journal/batch-codec.ts'
import { toRowDocument } from './row-document.ts'

export type DumpFormat = 'ndjson' | 'binary'

export interface DumpRow {
  key: Buffer
  value: Buffer
}

const magic = Buffer.from('R2DDUMP1', 'latin1')
const ndjsonName = 'r2d metadata dump 1'
/** Of one run, and of one line: what a reader holds. */
const runSizeMax = 256 * 1024 * 1024

export async function* encodeDump(
  runs: AsyncIterable<readonly DumpRow[]>,
  { format, storeId }: { format: DumpFormat; storeId: Buffer }
): AsyncGenerator<Buffer, void> {
  yield* format === 'binary' ? encodeBinary(runs) : encodeLines(runs, storeId)
}

async function* encodeBinary(
  runs: AsyncIterable<readonly DumpRow[]>
): AsyncGenerator<Buffer, void> {
  yield magic
  let count = 0
  for await (const rows of runs) {
    if (rows.length === 0) continue
    count += rows.length
    const bytes = encodeBatch({ puts: rows, deletes: [] })
    assert(bytes.length <= runSizeMax)
    const head = Buffer.alloc(8)
    head.writeUInt32LE(bytes.length, 0)
    head.writeUInt32LE(crc32(bytes), 4)
    yield Buffer.concat([head, bytes])
  }
  const end = Buffer.alloc(16)
  end.writeBigUInt64LE(BigInt(count), 4)
  end.writeUInt32LE(crc32(end.subarray(0, 12)), 12)
  yield end
}

async function* encodeLines(
  runs: AsyncIterable<readonly DumpRow[]>,
  storeId: Buffer
): AsyncGenerator<Buffer, void> {
  const line = (document: unknown): string => `${JSON.stringify(document)}\n`
  yield Buffer.from(line({ format: ndjsonName, storeId: storeId.toString('hex') }))
  const digest = createHash('sha256')
  let count = 0
  for await (const rows of runs) {
    let text = ''
    for (const { key, value } of rows) {
      digest.update(key).update(value)
      text += line(toRowDocument(key, value))
    }
    count += rows.length
    yield Buffer.from(text)
  }
  yield Buffer.from(line({ rows: count, check: digest.digest('hex') }))
}

/** Of either form, as its beginning says. R2D_CORRUPT_RECORD for what is not a dump, or not all of one. */
export async function* decodeDump(
  pieces: AsyncIterable<Uint8Array>
): AsyncGenerator<DumpRow[], void> {
  const input = new DumpInput(pieces)
  const head = await input.peek(magic.length)
  if (head.equals(magic)) yield* decodeBinary(input)
  else yield* decodeLines(input)
}

async function* decodeBinary(input: DumpInput): AsyncGenerator<DumpRow[], void> {
  await input.take(magic.length)
  let count = 0
  for (;;) {
    const size = (await input.take(4)).readUInt32LE(0)
    if (size === 0) break
    if (size > runSizeMax) throw damaged('a run of rows is too large')
    const check = (await input.take(4)).readUInt32LE(0)
    const bytes = await input.take(size)
    if (crc32(bytes) !== check) throw damaged('a run of rows is not what was written')
    const rows = decodeRows(bytes).map(({ key, value }) => {
      if (value === undefined) throw damaged('it has a row that is deleted')
      return { key, value }
    })
    count += rows.length
    yield rows
  }
  const end = Buffer.concat([Buffer.alloc(4), await input.take(12)])
  const isEnd = end.readUInt32LE(12) === crc32(end.subarray(0, 12))
  if (!isEnd || Number(end.readBigUInt64LE(4)) !== count) throw damaged('rows are missing')
}

async function* decodeLines(input: DumpInput): AsyncGenerator<DumpRow[], void> {
  const head = parseLine(await input.line())
  if (head.get('format') !== ndjsonName) throw damaged('it does not begin as one')
  const digest = createHash('sha256')
  let count = 0
  for (;;) {
    const fields = parseLine(await input.line())
    const [key, value] = [fields.get('key'), fields.get('value')]
    if (key === undefined) {
      const isEnd = fields.get('rows') === count && fields.get('check') === digest.digest('hex')
      if (!isEnd) throw damaged('rows are missing, or not what was written')
      return
    }
    if (typeof key !== 'string' || typeof value !== 'string') throw damaged('a line is no row')
    const row = { key: Buffer.from(key, 'hex'), value: Buffer.from(value, 'base64') }
    if (row.key.length === 0) throw damaged('a row has no key')
    digest.update(row.key).update(row.value)
    count++
    yield [row]
  }
}

function parseLine(line: Buffer): Map<string, unknown> {
  try {
    return new Map(Object.entries(JSON.parse(line.toString('utf8')) as object))
  } catch {
    throw damaged('a line is not JSON')
  }
}

/** Takes what is asked for out of pieces of any size. */
class DumpInput {
  readonly #pieces: AsyncIterator<Uint8Array>
  #held: Buffer = Buffer.alloc(0)

  constructor(pieces: AsyncIterable<Uint8Array>) {
    this.#pieces = pieces[Symbol.asyncIterator]()
  }

  async peek(size: number): Promise<Buffer> {
    while (this.#held.length < size && (await this.#more()));
    return this.#held.subarray(0, size)
  }

  async take(size: number): Promise<Buffer> {
    const pieces = [this.#held]
    let length = this.#held.length
    while (length < size) {
      const next = await this.#pieces.next()
      if (next.done === true) throw damaged('it is cut short')
      const piece = Buffer.from(next.value)
      pieces.push(piece)
      length += piece.length
    }
    const all = Buffer.concat(pieces)
    this.#held = all.subarray(size)
    return all.subarray(0, size)
  }

  /** Without its end. */
  async line(): Promise<Buffer> {
    let from = 0
    for (;;) {
      const end = this.#held.indexOf(0x0a, from)
      if (end !== -1) {
        const line = this.#held.subarray(0, end)
        this.#held = this.#held.subarray(end + 1)
        return line
      }
      from = this.#held.length
      if (from > runSizeMax) throw damaged('a line is too long')
      if (!(await this.#more())) throw damaged('it is cut short')
    }
  }

  async #more(): Promise<boolean> {
    const next = await this.#pieces.next()
    if (next.done === true) return false
    this.#held = Buffer.concat([this.#held, next.value])
    return true
  }
}

function damaged(reason: string): R2dError {
  return new R2dError('R2D_CORRUPT_RECORD', `The dump cannot be taken: ${reason}`, {
    hint: 'It must be whole, as r2d meta dump wrote it'
  })
}
