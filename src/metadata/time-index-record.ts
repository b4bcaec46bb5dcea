/**
 * The time index record: that an object is in its bucket's time index. Its key says all: when it was uploaded, and which.
 */

import { RowReader, RowWriter } from './row-codec.ts'

const row = new RowWriter('timeIndex', 1, 2).finish()

export function encodeTimeIndexRecord(): Buffer {
  return row
}

export function decodeTimeIndexRecord(bytes: Buffer): void {
  new RowReader('timeIndex', 1, bytes).finish()
}
