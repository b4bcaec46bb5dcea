// Counts the references in a store's rows from nothing but the rows that refer, to be compared with the counts that they have.

import assert from 'node:assert/strict'
import { decodeDiscardRecord } from '../../src/metadata/discard-record.ts'
import type { Engine, Entry } from '../../src/metadata/engine.ts'
import { decodeExtentRecord } from '../../src/metadata/extent-record.ts'
import { decodeManifestPageRecord } from '../../src/metadata/manifest-page-record.ts'
import type { Manifest } from '../../src/metadata/manifest.ts'
import { decodeObjectRecord } from '../../src/metadata/object-record.ts'
import { decodeTrashRecord } from '../../src/metadata/trash-record.ts'
import { decodePartRecord } from '../../src/metadata/part-record.ts'

export interface Counted {
  extents: number
  pages: number
  discards: number
}

/** Asserts that every extent and page row is referred to, exactly as often as it says. */
export async function assertExactReferences(engine: Pick<Engine, 'scan'>): Promise<Counted> {
  const expected = new Map<string, number>()
  const refer = (kind: 'extent' | 'page', id: Buffer): void => {
    const name = `${kind} ${id.toString('hex')}`
    expected.set(name, (expected.get(name) ?? 0) + 1)
  }
  const referAll = (manifest: Manifest): void => {
    if (manifest.kind === 'inline')
      for (const each of manifest.slices) refer('extent', each.extentId)
    else for (const each of manifest.pages) refer('page', each.pageId)
  }
  const found = new Map<string, number>()

  for (const { value } of await rowsOf(engine, 'o')) referAll(decodeObjectRecord(value).manifest)
  for (const { value } of await rowsOf(engine, 'z'))
    referAll(decodeObjectRecord(decodeTrashRecord(value).object).manifest)
  for (const { value } of await rowsOf(engine, 'p')) referAll(decodePartRecord(value).manifest)
  const pages = await rowsOf(engine, 'm')
  for (const { key, value } of pages) {
    const { references, manifest } = decodeManifestPageRecord(value)
    found.set(`page ${key.toString('hex', 1)}`, references)
    referAll(manifest)
  }
  const discards = await rowsOf(engine, 'd')
  for (const { value } of discards) {
    const { extentIds, pageIds } = decodeDiscardRecord(value)
    for (const id of extentIds) refer('extent', id)
    for (const id of pageIds) refer('page', id)
  }
  const extents = await rowsOf(engine, 'e')
  for (const { key, value } of extents) {
    found.set(`extent ${key.toString('hex', 1)}`, decodeExtentRecord(value).references)
  }

  assert.deepEqual(Object.fromEntries([...found].sort()), Object.fromEntries([...expected].sort()))
  return { extents: extents.length, pages: pages.length, discards: discards.length }
}

async function rowsOf(engine: Pick<Engine, 'scan'>, kind: string): Promise<Entry[]> {
  const next = String.fromCharCode(kind.charCodeAt(0) + 1)
  await using cursor = engine.scan({ gte: Buffer.from(kind), lt: Buffer.from(next) })
  return await cursor.read(1_000_000)
}
