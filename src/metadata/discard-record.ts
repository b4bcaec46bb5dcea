/**
 * The discard record: references of a replaced or deleted version, or part, that are to be taken back in the background.
 *
 * Written by the commit that stops referring, one entry for each entry of its manifest. It holds no key: with the row
 * that referred gone, the content cannot be opened any more.
 */

import { idSize } from '../crypto/key-wrap.ts'
import { RowReader, RowWriter } from './row-codec.ts'

export interface DiscardRecord {
  /** 16 bytes each, as often as it was referred to. */
  extentIds: Buffer[]
  pageIds: Buffer[]
}

export function encodeDiscardRecord({ extentIds, pageIds }: DiscardRecord): Buffer {
  const row = new RowWriter('discard', 1, 16 + idSize * (extentIds.length + pageIds.length))
  for (const ids of [extentIds, pageIds]) {
    row.unsigned(ids.length)
    for (const id of ids) row.fixed(id, idSize)
  }
  return row.finish()
}

export function decodeDiscardRecord(bytes: Buffer): DiscardRecord {
  const row = new RowReader('discard', 1, bytes)
  const readIds = (): Buffer[] => {
    const ids: Buffer[] = []
    for (let left = row.count(idSize); left > 0; left--) ids.push(row.fixed(idSize))
    return ids
  }
  const record = { extentIds: readIds(), pageIds: readIds() }
  row.finish()
  return record
}
