/**
 * The manifest page record: a part of a manifest, which objects with the same key share by reference.
 */

import assert from 'node:assert/strict'
import { manifestPageEntryCountMax } from '../limits.ts'
import { entryCount, readManifest, writeManifest, type Manifest } from './manifest.ts'
import { RowReader, RowWriter } from './row-codec.ts'

export interface ManifestPageRecord {
  /** Entries for this page in the rows of objects, parts and other pages. At least 1. */
  references: number
  /** 1 to manifestPageEntryCountMax slices or pages. */
  manifest: Manifest
}

export function encodeManifestPageRecord({ references, manifest }: ManifestPageRecord): Buffer {
  const count = entryCount(manifest)
  assert(references >= 1)
  assert(count >= 1)
  assert(count <= manifestPageEntryCountMax)

  const row = new RowWriter('manifestPage', 1, 16 + 80 * count)
  row.unsigned(references)
  writeManifest(row, manifest)
  return row.finish()
}

export function decodeManifestPageRecord(bytes: Buffer): ManifestPageRecord {
  const row = new RowReader('manifestPage', 1, bytes)
  const record = { references: row.unsigned(), manifest: readManifest(row) }
  row.finish()

  const count = entryCount(record.manifest)
  if (record.references < 1) throw row.corrupt('nothing refers to it')
  if (count < 1 || count > manifestPageEntryCountMax) {
    throw row.corrupt('its number of entries is out of range')
  }
  return record
}
