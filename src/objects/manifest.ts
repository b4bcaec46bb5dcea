/**
 * Manifests: from extents to what an object record holds, and back to the slices of a range.
 *
 * Few slices stand in the object record, their keys wrapped under the bucket's key. Many stand in
 * pages of at most `manifestPageExtentCountMax`, their keys wrapped under the page's key, and only that one under the
 * bucket's: so a copy, into another bucket too, wraps one key for a gigabyte of content.
 */

import assert from 'node:assert/strict'
import { newId, newKey, unwrapKey, wrapKey } from '../crypto/key-wrap.ts'
import { R2dError } from '../errors.ts'
import { inlineExtentCountMax, manifestPageExtentCountMax } from '../limits.ts'
import { manifestPageKey } from '../metadata/keys.ts'
import {
  decodeManifestPageRecord,
  encodeManifestPageRecord
} from '../metadata/manifest-page-record.ts'
import type { NewPage } from '../metadata/mutations.ts'
import type { ExtentSlice, Manifest } from '../metadata/object-record.ts'
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

export function buildManifest(
  extents: readonly WrittenExtent[],
  bucketKey: Buffer
): { manifest: Manifest; pages: NewPage[] } {
  if (extents.length <= inlineExtentCountMax) {
    const slices = extents.map(extent => wholeSlice(extent, bucketKey))
    return { manifest: { kind: 'inline', slices }, pages: [] }
  }

  const manifest: Manifest = { kind: 'paged', pages: [] }
  const pages: NewPage[] = []
  for (let first = 0; first < extents.length; first += manifestPageExtentCountMax) {
    const run = extents.slice(first, first + manifestPageExtentCountMax)
    const pageId = newId()
    const pageKey = newKey()
    const slices = run.map(extent => wholeSlice(extent, pageKey))
    const length = run.reduce((sum, extent) => sum + extent.size, 0)

    pages.push({ id: pageId, value: encodeManifestPageRecord({ references: 1, slices }) })
    const wrappedKey = wrapKey(bucketKey, 'page', pageId, pageKey)
    manifest.pages.push({ pageId, length, wrappedKey })
  }

  return { manifest, pages }
}

function wholeSlice({ id, size, key }: WrittenExtent, wrappingKey: Buffer): ExtentSlice {
  const wrappedKey = wrapKey(wrappingKey, 'extent', id, key)
  return { extentId: id, offset: 0, length: size, wrappedKey }
}

/** The same content, its keys wrapped under another bucket's key. */
export function rewrapManifest(manifest: Manifest, from: Buffer, to: Buffer): Manifest {
  if (manifest.kind === 'inline') {
    const slices = manifest.slices.map(slice => {
      const key = open(from, 'extent', slice.extentId, slice.wrappedKey)
      return { ...slice, wrappedKey: wrapKey(to, 'extent', slice.extentId, key) }
    })
    return { kind: 'inline', slices }
  }

  const pages = manifest.pages.map(page => {
    const key = open(from, 'page', page.pageId, page.wrappedKey)
    return { ...page, wrappedKey: wrapKey(to, 'page', page.pageId, key) }
  })
  return { kind: 'paged', pages }
}

/** The slices that hold bytes [offset, offset + length) of the object, one batch for each page. */
export async function* slicesOf(
  manifest: Manifest,
  bucketKey: Buffer,
  range: { offset: number; length: number },
  metadata: MetadataReader
): AsyncGenerator<OpenSlice[], void, undefined> {
  if (range.length === 0) return
  if (manifest.kind === 'inline') {
    yield cut(manifest.slices, bucketKey, range)
    return
  }

  const end = range.offset + range.length
  let pageStart = 0
  for (const { pageId, length, wrappedKey } of manifest.pages) {
    const pageEnd = pageStart + length
    if (pageEnd > range.offset && pageStart < end) {
      const row = await metadata.get(manifestPageKey(pageId))
      if (row === undefined) {
        throw new R2dError('R2D_NO_SUCH_KEY', 'The object was deleted while it was being read')
      }
      const pageKey = open(bucketKey, 'page', pageId, wrappedKey)
      const first = Math.max(range.offset, pageStart)
      const part = { offset: first - pageStart, length: Math.min(end, pageEnd) - first }
      yield cut(decodeManifestPageRecord(row.value).slices, pageKey, part)
    }
    pageStart = pageEnd
  }
}

function cut(
  slices: readonly ExtentSlice[],
  wrappingKey: Buffer,
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
        key: open(wrappingKey, 'extent', extentId, wrappedKey)
      })
    }
    sliceStart = sliceEnd
  }

  assert(sliceStart >= end, 'A range is within its manifest')
  return found
}

function open(
  wrappingKey: Buffer,
  purpose: 'extent' | 'page',
  id: Buffer,
  wrapped: Buffer
): Buffer {
  const key = unwrapKey(wrappingKey, purpose, id, wrapped)
  if (key !== undefined) return key

  throw new R2dError(
    'R2D_CORRUPT_RECORD',
    `The key of ${purpose} ${id.toString('hex')} does not open`
  )
}
