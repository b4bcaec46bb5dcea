/**
 * The object record: all that is known of the current version of a key.
 *
 * Behind the fields stand extensions: a number of (tag, bytes), tags ascending. They are where later releases put what
 * this one does not know (POSIX attributes are one); a tag that is unknown is refused as a later format is, because
 * to write the record back without it would lose it.
 */

import assert from 'node:assert/strict'
import { idSize, wrappedKeySize } from '../crypto/key-wrap.ts'
import { R2dError } from '../errors.ts'
import { inlineExtentCountMax } from '../limits.ts'
import { RowReader, RowWriter } from './row-codec.ts'

export type StorageClass = 'STANDARD' | 'STANDARD_IA'

export interface HttpMetadata {
  contentType?: string
  contentLanguage?: string
  contentDisposition?: string
  contentEncoding?: string
  cacheControl?: string
  /** As the client sent it: an HTTP date, or whatever else it was. */
  expires?: string
}

/** Digests of the whole content that were verified when it was written. Raw bytes. */
export interface Checksums {
  md5?: Buffer
  sha1?: Buffer
  sha256?: Buffer
  crc32?: Buffer
  crc32c?: Buffer
  crc64nvme?: Buffer
}

/** Bytes [offset, offset + length) of an extent's plaintext, as part of an object. */
export interface ExtentSlice {
  /** 16 bytes. */
  extentId: Buffer
  offset: number
  /** At least 1. */
  length: number
  /** 48 bytes: the extent's key, wrapped under the bucket's key or the manifest page's. */
  wrappedKey: Buffer
}

/** A run of an object's content that a manifest page of its own describes. */
export interface PageReference {
  /** 16 bytes. */
  pageId: Buffer
  /** Bytes of content that the page's slices add up to. At least 1. */
  length: number
  /** 48 bytes: the page's key, wrapped under the bucket's key. The slices' keys are wrapped under the page's. */
  wrappedKey: Buffer
}

/** Where the content is: few slices are in the record itself, many are in pages. Empty content has neither. */
export type Manifest =
  { kind: 'inline'; slices: ExtentSlice[] } | { kind: 'paged'; pages: PageReference[] }

export interface ObjectRecord {
  /** 16 bytes: unique to this version of the key. */
  versionId: Buffer
  /** The key as it was last spelled; the row's key holds its NFC form. */
  key: string
  /** Bytes of content. */
  size: number
  /** Without quotes: hex MD5, or `<hex>-<parts>`. */
  etag: string
  /** Milliseconds since the epoch. */
  uploaded: number
  storageClass: StorageClass
  httpMetadata: HttpMetadata
  /** Names in lower case, without `x-amz-meta-`. In the order of names. */
  customMetadata: [name: string, value: string][]
  checksums: Checksums
  manifest: Manifest
}

const httpMetadataNames = [
  'contentType',
  'contentLanguage',
  'contentDisposition',
  'contentEncoding',
  'cacheControl',
  'expires'
] as const satisfies readonly (keyof HttpMetadata)[]

/** In the order of their bits, with their sizes. */
const checksumSizes = [
  ['md5', 16],
  ['sha1', 20],
  ['sha256', 32],
  ['crc32', 4],
  ['crc32c', 4],
  ['crc64nvme', 8]
] as const satisfies readonly (readonly [keyof Checksums, number])[]

const storageClasses = ['STANDARD', 'STANDARD_IA'] as const satisfies readonly StorageClass[]

const inlineManifest = 0
const pagedManifest = 1

export function encodeObjectRecord(record: ObjectRecord): Buffer {
  assert(record.size === contentSize(record.manifest), 'An object is as long as its manifest')

  const row = new RowWriter('object', 1, 384)
  row.fixed(record.versionId, idSize)
  row.text(record.key)
  row.unsigned(record.size)
  row.text(record.etag)
  row.unsigned(record.uploaded)
  row.byte(encodeStorageClass(record.storageClass))
  writeHttpMetadata(row, record.httpMetadata)
  row.unsigned(record.customMetadata.length)
  for (const [name, value] of record.customMetadata) {
    row.text(name)
    row.text(value)
  }
  writeChecksums(row, record.checksums)
  writeManifest(row, record.manifest)
  row.unsigned(0) // Extensions.
  return row.finish()
}

/** Its buffers share memory with `bytes`. */
export function decodeObjectRecord(bytes: Buffer): ObjectRecord {
  const row = new RowReader('object', 1, bytes)
  const record = {
    versionId: row.fixed(idSize),
    key: row.text(),
    size: row.unsigned(),
    etag: row.text(),
    uploaded: row.unsigned(),
    storageClass: decodeStorageClass(row),
    httpMetadata: readHttpMetadata(row),
    customMetadata: readCustomMetadata(row),
    checksums: readChecksums(row),
    manifest: readManifest(row)
  }
  if (row.unsigned() !== 0) {
    throw new R2dError('R2D_UNSUPPORTED_FORMAT', 'An object row has extensions of a later release')
  }
  row.finish()

  if (record.size !== contentSize(record.manifest)) {
    throw row.corrupt('its size is not that of its manifest')
  }
  return record
}

export function encodeStorageClass(storageClass: StorageClass): number {
  return storageClasses.indexOf(storageClass)
}

export function decodeStorageClass(row: RowReader): StorageClass {
  const storageClass = storageClasses[row.byte()]
  if (storageClass === undefined) throw row.corrupt('its storage class is unknown')
  return storageClass
}

function contentSize(manifest: Manifest): number {
  const runs = manifest.kind === 'inline' ? manifest.slices : manifest.pages
  return (runs as readonly { length: number }[]).reduce((size, { length }) => size + length, 0)
}

function writeHttpMetadata(row: RowWriter, metadata: HttpMetadata): void {
  let present = 0
  for (const [bit, name] of httpMetadataNames.entries()) {
    if (metadata[name] !== undefined) present |= 1 << bit
  }
  row.byte(present)
  for (const name of httpMetadataNames) {
    const value = metadata[name]
    if (value !== undefined) row.text(value)
  }
}

function readHttpMetadata(row: RowReader): HttpMetadata {
  const metadata: HttpMetadata = {}
  const present = row.byte()
  if (present >> httpMetadataNames.length !== 0) throw row.corrupt('a content header is unknown')
  for (const [bit, name] of httpMetadataNames.entries()) {
    if (present & (1 << bit)) metadata[name] = row.text()
  }
  return metadata
}

function readCustomMetadata(row: RowReader): ObjectRecord['customMetadata'] {
  const metadata: ObjectRecord['customMetadata'] = []
  for (let left = row.count(2); left > 0; left--) metadata.push([row.text(), row.text()])
  return metadata
}

function writeChecksums(row: RowWriter, checksums: Checksums): void {
  let present = 0
  for (const [bit, [name]] of checksumSizes.entries()) {
    if (checksums[name] !== undefined) present |= 1 << bit
  }
  row.byte(present)
  for (const [name, size] of checksumSizes) {
    const value = checksums[name]
    if (value !== undefined) row.fixed(value, size)
  }
}

function readChecksums(row: RowReader): Checksums {
  const checksums: Checksums = {}
  const present = row.byte()
  if (present >> checksumSizes.length !== 0) throw row.corrupt('a checksum is unknown')
  for (const [bit, [name, size]] of checksumSizes.entries()) {
    if (present & (1 << bit)) checksums[name] = row.fixed(size)
  }
  return checksums
}

function writeManifest(row: RowWriter, manifest: Manifest): void {
  if (manifest.kind === 'inline') {
    assert(manifest.slices.length <= inlineExtentCountMax)
    row.byte(inlineManifest)
    writeSlices(row, manifest.slices)
    return
  }

  assert(manifest.pages.length >= 1)
  row.byte(pagedManifest)
  row.unsigned(manifest.pages.length)
  for (const { pageId, length, wrappedKey } of manifest.pages) {
    assert(length >= 1)
    row.fixed(pageId, idSize)
    row.unsigned(length)
    row.fixed(wrappedKey, wrappedKeySize)
  }
}

function readManifest(row: RowReader): Manifest {
  const kind = row.byte()
  if (kind === inlineManifest) return { kind: 'inline', slices: readSlices(row) }
  if (kind !== pagedManifest) throw row.corrupt('its kind of manifest is unknown')

  const pages: PageReference[] = []
  for (let left = row.count(idSize + 1 + wrappedKeySize); left > 0; left--) {
    pages.push({
      pageId: row.fixed(idSize),
      length: row.unsigned(),
      wrappedKey: row.fixed(wrappedKeySize)
    })
  }
  if (pages.length < 1 || pages.some(({ length }) => length < 1)) {
    throw row.corrupt('it has a page of nothing')
  }
  return { kind: 'paged', pages }
}

export function writeSlices(row: RowWriter, slices: readonly ExtentSlice[]): void {
  row.unsigned(slices.length)
  for (const { extentId, offset, length, wrappedKey } of slices) {
    assert(length >= 1)
    row.fixed(extentId, idSize)
    row.unsigned(offset)
    row.unsigned(length)
    row.fixed(wrappedKey, wrappedKeySize)
  }
}

export function readSlices(row: RowReader): ExtentSlice[] {
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
