/**
 * The discard record: what a replaced or deleted object referred to, to be released in the background.
 *
 * Written by the commit that stops referring; keyed by that version's id. It holds no key: with the
 * object record gone, the content cannot be opened any more.
 */

import { idSize } from '../crypto/key-wrap.ts'
import { RowReader, RowWriter } from './row-codec.ts'

export interface DiscardRecord {
  /** Milliseconds since the epoch. Readers that began before may still be reading. */
  discarded: number
  /** 16 bytes each. */
  extentIds: Buffer[]
  pageIds: Buffer[]
}

export function encodeDiscardRecord({ discarded, extentIds, pageIds }: DiscardRecord): Buffer {
  const row = new RowWriter('discard', 1, 32 + idSize * (extentIds.length + pageIds.length))
  row.unsigned(discarded)
  for (const ids of [extentIds, pageIds]) {
    row.unsigned(ids.length)
    for (const id of ids) row.fixed(id, idSize)
  }
  return row.finish()
}

export function decodeDiscardRecord(bytes: Buffer): DiscardRecord {
  const row = new RowReader('discard', 1, bytes)
  const discarded = row.unsigned()
  const readIds = (): Buffer[] => {
    const ids: Buffer[] = []
    for (let left = row.count(idSize); left > 0; left--) ids.push(row.fixed(idSize))
    return ids
  }
  const record = { discarded, extentIds: readIds(), pageIds: readIds() }
  row.finish()
  return record
}
