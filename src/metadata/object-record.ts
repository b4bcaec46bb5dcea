/**
 * The object record: all that is known of the current version of a key.
 *
 * What few objects have stands behind the other fields, in extensions: a count, then for each a tag, ascending, and
 * its fields. Later releases put there what this one does not know; a tag that is unknown is refused as a later format
 * is, because to write the row back without it would lose it.
 */

import assert from 'node:assert/strict'
import { idSize, wrappedKeySize } from '../crypto/key-wrap.ts'
import { R2dError } from '../errors.ts'
import { inlineExtentCountMax } from '../limits.ts'
import { contentSize, readManifest, writeManifest, type Manifest } from './manifest.ts'
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

/** Parts of a finished multipart upload that follow each other and have one size. */
export interface PartRun {
  count: number
  /** Bytes of content of each. */
  size: number
}

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
  /** 48 bytes: the content key, wrapped under the bucket's (or the customer's) and bound to the version id. */
  wrappedKey: Buffer
  manifest: Manifest
  /** 16 bytes: MD5 of the key that the customer gave and is to give again (SSE-C). */
  customerKeyMd5?: Buffer
  /** Of an object that was uploaded in parts, in order; they add up to its size. */
  parts?: PartRun[]
  /** The checksums are of the parts' checksums, not of the content. */
  isComposite?: true
  /** In the order in which they were given. */
  tags?: [name: string, value: string][]
  /** Of a version that was brought back from the trash. */
  restored?: Restored
}

export interface Restored {
  /** When: since then it is the current one, milliseconds since the epoch. */
  at: number
  /** The moment that it was brought back from: of an undo; else `at`. */
  asOf: number
}

/** When the version became the current one of its key. */
export function currentSince({
  uploaded,
  restored
}: Pick<ObjectRecord, 'uploaded' | 'restored'>): number {
  return restored?.at ?? uploaded
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

export function encodeObjectRecord(record: ObjectRecord): Buffer {
  assert(record.size === contentSize(record.manifest), 'An object is as long as its manifest')
  if (record.manifest.kind === 'inline') {
    assert(record.manifest.slices.length <= inlineExtentCountMax)
  }

  const row = new RowWriter('object', 1, 384)
  row.fixed(record.versionId, idSize)
  row.text(record.key)
  row.unsigned(record.size)
  row.text(record.etag)
  row.unsigned(record.uploaded)
  row.byte(encodeStorageClass(record.storageClass))
  writeHttpMetadata(row, record.httpMetadata)
  writePairs(row, record.customMetadata)
  writeChecksums(row, record.checksums)
  row.fixed(record.wrappedKey, wrappedKeySize)
  writeManifest(row, record.manifest)
  writeExtensions(row, record)
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
    customMetadata: readPairs(row),
    checksums: readChecksums(row),
    wrappedKey: row.fixed(wrappedKeySize),
    manifest: readManifest(row),
    ...readExtensions(row)
  }
  row.finish()

  if (record.size !== contentSize(record.manifest)) {
    throw row.corrupt('its size is not that of its manifest')
  }
  return record
}

export type ObjectSummary = Pick<
  ObjectRecord,
  'key' | 'size' | 'etag' | 'uploaded' | 'storageClass'
>

/** What a listing says of an object: the fields at the front of the row. What stands behind them is not looked at. */
export function decodeObjectSummary(bytes: Buffer): ObjectSummary {
  const row = new RowReader('object', 1, bytes)
  row.skip(idSize)
  return {
    key: row.text(),
    size: row.unsigned(),
    etag: row.text(),
    uploaded: row.unsigned(),
    storageClass: decodeStorageClass(row)
  }
}

export function encodeStorageClass(storageClass: StorageClass): number {
  return storageClasses.indexOf(storageClass)
}

export function decodeStorageClass(row: RowReader): StorageClass {
  const storageClass = storageClasses[row.byte()]
  if (storageClass === undefined) throw row.corrupt('its storage class is unknown')
  return storageClass
}

export function writeHttpMetadata(row: RowWriter, metadata: HttpMetadata): void {
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

export function readHttpMetadata(row: RowReader): HttpMetadata {
  const metadata: HttpMetadata = {}
  const present = row.byte()
  if (present >> httpMetadataNames.length !== 0) throw row.corrupt('a content header is unknown')
  for (const [bit, name] of httpMetadataNames.entries()) {
    if (present & (1 << bit)) metadata[name] = row.text()
  }
  return metadata
}

export function writePairs(row: RowWriter, pairs: readonly [string, string][]): void {
  row.unsigned(pairs.length)
  for (const [name, value] of pairs) {
    row.text(name)
    row.text(value)
  }
}

export function readPairs(row: RowReader): [string, string][] {
  const pairs: [string, string][] = []
  for (let left = row.count(2); left > 0; left--) pairs.push([row.text(), row.text()])
  return pairs
}

export function writeChecksums(row: RowWriter, checksums: Checksums): void {
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

export function readChecksums(row: RowReader): Checksums {
  const checksums: Checksums = {}
  const present = row.byte()
  if (present >> checksumSizes.length !== 0) throw row.corrupt('a checksum is unknown')
  for (const [bit, [name, size]] of checksumSizes.entries()) {
    if (present & (1 << bit)) checksums[name] = row.fixed(size)
  }
  return checksums
}

type Extensions = Pick<
  ObjectRecord,
  'customerKeyMd5' | 'parts' | 'isComposite' | 'tags' | 'restored'
>

/** In the order of their tags, which count from 1. */
const extensionNames = [
  'customerKeyMd5',
  'parts',
  'isComposite',
  'tags',
  'restored'
] as const satisfies readonly (keyof Extensions)[]

function writeExtensions(row: RowWriter, record: Extensions): void {
  const present = extensionNames.filter(name => record[name] !== undefined)
  row.unsigned(present.length)
  for (const name of present) {
    row.unsigned(extensionNames.indexOf(name) + 1)
    switch (name) {
      case 'customerKeyMd5':
        if (record.customerKeyMd5 !== undefined) row.fixed(record.customerKeyMd5, 16)
        break
      case 'parts':
        writeParts(row, record.parts ?? [])
        break
      case 'isComposite':
        break
      case 'tags':
        writePairs(row, record.tags ?? [])
        break
      case 'restored':
        row.unsigned(record.restored?.at ?? 0)
        row.unsigned(record.restored?.asOf ?? 0)
        break
    }
  }
}

function readExtensions(row: RowReader): Extensions {
  const extensions: Extensions = {}
  let last = 0
  for (let left = row.count(1); left > 0; left--) {
    const tag = row.unsigned()
    if (tag <= last) throw row.corrupt('its extensions are not in order')
    last = tag
    switch (extensionNames[tag - 1]) {
      case 'customerKeyMd5':
        extensions.customerKeyMd5 = row.fixed(16)
        break
      case 'parts':
        extensions.parts = readParts(row)
        break
      case 'isComposite':
        extensions.isComposite = true
        break
      case 'tags':
        extensions.tags = readPairs(row)
        break
      case 'restored':
        extensions.restored = { at: row.unsigned(), asOf: row.unsigned() }
        break
      case undefined:
        throw new R2dError(
          'R2D_UNSUPPORTED_FORMAT',
          'An object row has an extension of a later release'
        )
    }
  }
  return extensions
}

function writeParts(row: RowWriter, parts: readonly PartRun[]): void {
  row.unsigned(parts.length)
  for (const { count, size } of parts) {
    row.unsigned(count)
    row.unsigned(size)
  }
}

function readParts(row: RowReader): PartRun[] {
  const parts: PartRun[] = []
  for (let left = row.count(2); left > 0; left--) {
    parts.push({ count: row.unsigned(), size: row.unsigned() })
  }
  return parts
}
