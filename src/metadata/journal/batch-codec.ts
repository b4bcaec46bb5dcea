/**
 * Rows as a run of bytes: what a record of the journal or of a snapshot holds.
 *
 *     rows      for each row: its key, and its value plus one in length, or zero for a row that is deleted
 *               key: unsigned length, bytes; value: unsigned length + 1, bytes
 *
 * `unsigned` is the LEB128 varint of row values. Nothing follows the last row.
 *
 * docs/format.md#rows-in-records
 */

import { R2dError } from '../../errors.ts'
import type { Batch } from '../engine.ts'

export interface Row {
  key: Buffer
  /** Undefined: deleted. */
  value: Buffer | undefined
}

export function encodeBatch({ puts, deletes }: Pick<Batch, 'puts' | 'deletes'>): Buffer {
  let size = 0
  for (const { key, value } of puts) size += rowSize(key, value)
  for (const key of deletes) size += rowSize(key, undefined)

  const bytes = Buffer.allocUnsafe(size)
  let end = 0
  for (const { key, value } of puts) end = writeRow(bytes, end, key, value)
  for (const key of deletes) end = writeRow(bytes, end, key, undefined)
  return bytes
}

/** Bytes that a row takes. */
export function rowSize(key: Buffer, value: Buffer | undefined): number {
  const valueSize = value === undefined ? 0 : value.length
  const valueLength = value === undefined ? 0 : valueSize + 1
  return unsignedSize(key.length) + key.length + unsignedSize(valueLength) + valueSize
}

/** The rows share memory with `bytes`. R2D_CORRUPT_RECORD. */
export function decodeRows(bytes: Buffer): Row[] {
  const rows: Row[] = []
  let next = 0
  const unsigned = (): number => {
    let value = 0
    let scale = 1
    for (let count = 0; count < 5; count++) {
      const byte = bytes[next++]
      if (byte === undefined) throw corrupt(next)
      value += (byte & 0x7f) * scale
      if (byte < 0x80) {
        if (byte === 0 && count > 0) throw corrupt(next)
        return value
      }
      scale *= 0x80
    }
    throw corrupt(next)
  }
  const take = (size: number): Buffer => {
    if (size > bytes.length - next) throw corrupt(next)
    next += size
    return bytes.subarray(next - size, next)
  }

  while (next < bytes.length) {
    const key = take(unsigned())
    const valueLength = unsigned()
    if (key.length === 0) throw corrupt(next)
    rows.push({ key, value: valueLength === 0 ? undefined : take(valueLength - 1) })
  }
  return rows
}

function writeRow(bytes: Buffer, start: number, key: Buffer, value: Buffer | undefined): number {
  let end = writeUnsigned(bytes, start, key.length)
  bytes.set(key, end)
  end = writeUnsigned(bytes, end + key.length, value === undefined ? 0 : value.length + 1)
  if (value === undefined) return end

  bytes.set(value, end)
  return end + value.length
}

function writeUnsigned(bytes: Buffer, start: number, value: number): number {
  let end = start
  let left = value
  while (left >= 0x80) {
    bytes[end++] = (left % 0x80) | 0x80
    left = Math.floor(left / 0x80)
  }
  bytes[end++] = left
  return end
}

function unsignedSize(value: number): number {
  let size = 1
  for (let left = value; left >= 0x80; left = Math.floor(left / 0x80)) size++
  return size
}

function corrupt(at: number): R2dError {
  return new R2dError('R2D_CORRUPT_RECORD', `A record's rows are corrupt at byte ${at}`)
}
