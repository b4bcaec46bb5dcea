/**
 * The release of what nobody refers to any more: a discard row's references are taken back, some in each commit.
 *
 * The counts of what it names are lowered. An extent that comes to none loses its row, and its records are dead bytes; a page
 * that comes to none loses its row, and what it named takes its place in the discard row. So each commit leaves
 * exactly the references that are still to be taken back, or no row when that was all. It may be run again.
 */

import { recordSize } from '../../storage/segment-format.ts'
import { decodeDiscardRecord, encodeDiscardRecord, type DiscardRecord } from '../discard-record.ts'
import { decodeExtentRecord, encodeExtentRecord } from '../extent-record.ts'
import { extentKey, manifestPageKey } from '../keys.ts'
import { decodeManifestPageRecord, encodeManifestPageRecord } from '../manifest-page-record.ts'
import type { Transaction } from '../transaction.ts'

export interface ReleaseDiscards {
  /** Of discard rows; one that is gone by now was released by somebody else. */
  rowKeys: Buffer[]
  /** References that are taken back at most. */
  countMax: number
}

/** A record that no row names any more. */
export interface FreedRecord {
  volume: number
  segment: number
  /** Bytes, header and payload. */
  size: number
}

export interface Released {
  /** References that were taken back. */
  references: number
  /** Extents and pages whose rows are gone. */
  extents: number
  pages: number
  /** References to rows that are not there: a fault of the metadata. */
  missing: number
  freed: FreedRecord[]
  /** Whether nothing of these rows is left. */
  isDone: boolean
}

export async function releaseDiscards(
  transaction: Transaction,
  { rowKeys, countMax }: ReleaseDiscards
): Promise<Released> {
  const released: Released = {
    references: 0,
    extents: 0,
    pages: 0,
    missing: 0,
    freed: [],
    isDone: false
  }
  for (const rowKey of rowKeys) {
    const row = await transaction.get(rowKey)
    if (row === undefined) continue

    const left = decodeDiscardRecord(row.value)
    while (left.extentIds.length + left.pageIds.length > 0 && released.references < countMax) {
      const extentIds = left.extentIds.splice(0, countMax - released.references)
      await dropExtents(transaction, extentIds, released)
      // One page at a time, and only behind the extents: what a row names stays within what a few pages do.
      const pageId = left.extentIds.length === 0 ? left.pageIds.pop() : undefined
      if (pageId !== undefined) await dropPage(transaction, pageId, left, released)
    }

    const isDone = left.extentIds.length + left.pageIds.length === 0
    if (isDone) transaction.delete(rowKey)
    else transaction.put(rowKey, encodeDiscardRecord(left))
    if (released.references >= countMax) return released
  }
  released.isDone = true
  return released
}

async function dropExtents(
  transaction: Transaction,
  ids: readonly Buffer[],
  released: Released
): Promise<void> {
  released.references += ids.length
  const dropped = new Map<string, { id: Buffer; count: number }>()
  for (const id of ids) {
    const name = id.toString('latin1')
    const known = dropped.get(name)
    if (known === undefined) dropped.set(name, { id, count: 1 })
    else known.count++
  }

  const each = [...dropped.values()]
  const rows = await transaction.getMany(each.map(({ id }) => extentKey(id)))
  for (const [index, { id, count }] of each.entries()) {
    const row = rows[index]
    const extent = row && decodeExtentRecord(row.value)
    if (extent === undefined || extent.references < count) {
      released.missing += count - (extent?.references ?? 0)
    }
    if (extent === undefined) continue

    if (extent.references > count) {
      const references = extent.references - count
      transaction.put(extentKey(id), encodeExtentRecord({ ...extent, references }))
      continue
    }
    transaction.delete(extentKey(id))
    released.extents++
    for (const { volume, segment } of extent.replicas) {
      released.freed.push({ volume, segment, size: recordSize(extent.size) })
    }
  }
}

async function dropPage(
  transaction: Transaction,
  id: Buffer,
  left: DiscardRecord,
  released: Released
): Promise<void> {
  released.references++
  const key = manifestPageKey(id)
  const row = await transaction.get(key)
  if (row === undefined) {
    released.missing++
    return
  }

  const page = decodeManifestPageRecord(row.value)
  if (page.references > 1) {
    const references = page.references - 1
    transaction.put(key, encodeManifestPageRecord({ ...page, references }))
    return
  }
  transaction.delete(key)
  released.pages++
  const { manifest } = page
  if (manifest.kind === 'inline') {
    left.extentIds.push(...manifest.slices.map(({ extentId }) => extentId))
  } else {
    left.pageIds.push(...manifest.pages.map(({ pageId }) => pageId))
  }
}
