/**
 * Manifests, built and walked: which slices hold which bytes of an object, with their keys opened.
 */

import assert from 'node:assert/strict'
import { newId, unwrapKey, wrapKey } from '../crypto/key-wrap.ts'
import { R2dError } from '../errors.ts'
import { inlineExtentCountMax, manifestPageEntryCountMax, rootPageCountMax } from '../limits.ts'
import { manifestPageKey } from '../metadata/keys.ts'
import {
  contentSize,
  entryCount,
  type ExtentSlice,
  type Manifest,
  type PageReference
} from '../metadata/manifest.ts'
import {
  decodeManifestPageRecord,
  encodeManifestPageRecord
} from '../metadata/manifest-page-record.ts'
import type { NewPage } from '../metadata/mutations.ts'
import type { MetadataReader } from './context.ts'

/** A whole extent that was written for the object at hand. */
export interface WrittenExtent {
  id: Buffer
  /** Bytes of plaintext. */
  size: number
  /** 32 bytes. */
  key: Buffer
}

/** A slice with its key opened. */
export interface OpenSlice {
  extentId: Buffer
  offset: number
  length: number
  /** 32 bytes. */
  key: Buffer
}

/** A manifest, and the pages that it names and that are to be written with it. */
export interface BuiltManifest {
  manifest: Manifest
  pages: NewPage[]
}

export function buildManifest(
  extents: readonly WrittenExtent[],
  contentKey: Buffer
): BuiltManifest {
  const slices = extents.map(({ id, size, key }) => ({
    extentId: id,
    offset: 0,
    length: size,
    wrappedKey: wrapKey(contentKey, 'extent', id, key)
  }))
  return joinManifests([{ kind: 'inline', slices }])
}

/**
 * One manifest of the content of several, in order, whose keys are wrapped under the same content key. No key is opened:
 * slices that stand next to each other are gathered in pages, pages that are there stay as they are.
 */
export function joinManifests(manifests: readonly Manifest[]): BuiltManifest {
  const pages: NewPage[] = []
  const addPage = (manifest: Manifest): PageReference => {
    const id = newId()
    pages.push({ id, value: encodeManifestPageRecord({ references: 1, manifest }) })
    return { pageId: id, length: contentSize(manifest) }
  }

  const entries = manifests.filter(each => entryCount(each) > 0)
  const isInline = entries.every(({ kind }) => kind === 'inline')
  const slices = entries.flatMap(each => (each.kind === 'inline' ? each.slices : []))
  if (isInline && slices.length <= inlineExtentCountMax) {
    return { manifest: { kind: 'inline', slices }, pages }
  }

  let references: PageReference[] = []
  let run: ExtentSlice[] = []
  const endRun = (): void => {
    for (const part of runsOf(run)) references.push(addPage({ kind: 'inline', slices: part }))
    run = []
  }
  for (const each of entries) {
    if (each.kind === 'inline') {
      for (const slice of each.slices) run.push(slice)
      continue
    }
    endRun()
    references.push(...each.pages)
  }
  endRun()

  while (references.length > rootPageCountMax) {
    references = runsOf(references).map(part => addPage({ kind: 'paged', pages: part }))
  }
  return { manifest: { kind: 'paged', pages: references }, pages }
}

function runsOf<Entry>(entries: readonly Entry[]): Entry[][] {
  const runs: Entry[][] = []
  for (let first = 0; first < entries.length; first += manifestPageEntryCountMax) {
    runs.push(entries.slice(first, first + manifestPageEntryCountMax))
  }
  return runs
}

/** The slices that hold bytes [offset, offset + length) of the content, one batch for each page. */
export async function* slicesOf(
  manifest: Manifest,
  contentKey: Buffer,
  range: { offset: number; length: number },
  metadata: MetadataReader
): AsyncGenerator<OpenSlice[], void, undefined> {
  if (range.length === 0) return
  if (manifest.kind === 'inline') {
    yield cut(manifest.slices, contentKey, range)
    return
  }

  const end = range.offset + range.length
  let pageStart = 0
  for (const { pageId, length } of manifest.pages) {
    const pageEnd = pageStart + length
    if (pageEnd > range.offset && pageStart < end) {
      const row = await metadata.get(manifestPageKey(pageId))
      if (row === undefined) {
        throw new R2dError('R2D_NO_SUCH_KEY', 'The object was deleted while it was being read')
      }
      const first = Math.max(range.offset, pageStart)
      const part = { offset: first - pageStart, length: Math.min(end, pageEnd) - first }
      yield* slicesOf(decodeManifestPageRecord(row.value).manifest, contentKey, part, metadata)
    }
    pageStart = pageEnd
  }
  assert(pageStart >= end, 'A range is within its manifest')
}

function cut(
  slices: readonly ExtentSlice[],
  contentKey: Buffer,
  range: { offset: number; length: number }
): OpenSlice[] {
  const end = range.offset + range.length
  const found: OpenSlice[] = []
  let sliceStart = 0
  for (const { extentId, offset, length, wrappedKey } of slices) {
    const sliceEnd = sliceStart + length
    if (sliceEnd > range.offset && sliceStart < end) {
      const first = Math.max(range.offset, sliceStart)
      found.push({
        extentId,
        offset: offset + first - sliceStart,
        length: Math.min(end, sliceEnd) - first,
        key: openExtentKey(contentKey, extentId, wrappedKey)
      })
    }
    sliceStart = sliceEnd
  }

  assert(sliceStart >= end, 'A range is within its manifest')
  return found
}

/** R2D_CORRUPT_RECORD if it is not wrapped under the content key. */
export function openExtentKey(contentKey: Buffer, id: Buffer, wrapped: Buffer): Buffer {
  const key = unwrapKey(contentKey, 'extent', id, wrapped)
  if (key !== undefined) return key

  throw new R2dError('R2D_CORRUPT_RECORD', `The key of extent ${id.toString('hex')} does not open`)
}
