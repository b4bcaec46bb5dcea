/**
 * A manifest: where content is, as a list of slices of extents, or of pages that hold the rest of the list.
 *
 *     kind 0   slices: count, then extent id (16), offset, length (unsigned), wrapped key (48)
 *     kind 1   pages: count, then page id (16), length (unsigned)
 *
 * Pages are rows of their own and hold a manifest again: content of any size is a tree whose root is small. Every key in
 * the tree is wrapped under one key, the content key of the object, so that a copy shares the pages and has only that key wrapped
 * anew, and the pages of an upload's parts become the object's as they are.
 *
 * docs/format.md#rows
 */

import assert from 'node:assert/strict'
import { idSize, wrappedKeySize } from '../crypto/key-wrap.ts'
import type { RowReader, RowWriter } from './row-codec.ts'

/** Bytes [offset, offset + length) of an extent's plaintext, as part of an object. */
export interface ExtentSlice {
  /** 16 bytes. */
  extentId: Buffer
  offset: number
  /** At least 1. */
  length: number
  /** 48 bytes: the extent's key, wrapped under the content key. */
  wrappedKey: Buffer
}

/** A run of content that a page describes. */
export interface PageReference {
  /** 16 bytes. */
  pageId: Buffer
  /** Bytes of content: what the page's manifest adds up to. At least 1. */
  length: number
}

/** Empty content is a list of no slices. */
export type Manifest =
  { kind: 'inline'; slices: ExtentSlice[] } | { kind: 'paged'; pages: PageReference[] }

const inlineKind = 0
const pagedKind = 1

/** Bytes of content. */
export function contentSize(manifest: Manifest): number {
  const runs: readonly { length: number }[] =
    manifest.kind === 'inline' ? manifest.slices : manifest.pages
  return runs.reduce((size, { length }) => size + length, 0)
}

export function entryCount(manifest: Manifest): number {
  return manifest.kind === 'inline' ? manifest.slices.length : manifest.pages.length
}

export function writeManifest(row: RowWriter, manifest: Manifest): void {
  if (manifest.kind === 'inline') {
    row.byte(inlineKind)
    row.unsigned(manifest.slices.length)
    for (const { extentId, offset, length, wrappedKey } of manifest.slices) {
      assert(length >= 1)
      row.fixed(extentId, idSize)
      row.unsigned(offset)
      row.unsigned(length)
      row.fixed(wrappedKey, wrappedKeySize)
    }
    return
  }

  assert(manifest.pages.length >= 1)
  row.byte(pagedKind)
  row.unsigned(manifest.pages.length)
  for (const { pageId, length } of manifest.pages) {
    assert(length >= 1)
    row.fixed(pageId, idSize)
    row.unsigned(length)
  }
}

/** Its buffers share memory with the row. */
export function readManifest(row: RowReader): Manifest {
  const kind = row.byte()
  if (kind === inlineKind) return { kind: 'inline', slices: readSlices(row) }
  if (kind === pagedKind) return { kind: 'paged', pages: readPages(row) }

  throw row.corrupt('its kind of manifest is unknown')
}

function readSlices(row: RowReader): ExtentSlice[] {
  const slices: ExtentSlice[] = []
  for (let left = row.count(idSize + 2 + wrappedKeySize); left > 0; left--) {
    slices.push({
      extentId: row.fixed(idSize),
      offset: row.unsigned(),
      length: row.unsigned(),
      wrappedKey: row.fixed(wrappedKeySize)
    })
  }
  if (slices.some(({ length }) => length < 1)) throw row.corrupt('it has a slice of nothing')
  return slices
}

function readPages(row: RowReader): PageReference[] {
  const pages: PageReference[] = []
  for (let left = row.count(idSize + 1); left > 0; left--) {
    pages.push({ pageId: row.fixed(idSize), length: row.unsigned() })
  }
  if (pages.length < 1 || pages.some(({ length }) => length < 1)) {
    throw row.corrupt('it has a page of nothing')
  }
  return pages
}
