/**
 * The manifest page record: a run of slices that object records share by reference.
 */

import assert from 'node:assert/strict'
import { manifestPageExtentCountMax } from '../limits.ts'

import { readSlices, writeSlices, type ExtentSlice } from './object-record.ts'
import { RowReader, RowWriter } from './row-codec.ts'

export interface ManifestPageRecord {
  /** Object records that refer to this page. At least 1. */
  references: number
  /** 1 to manifestPageExtentCountMax; their keys are wrapped under the page's key. */
  slices: ExtentSlice[]
}

export function encodeManifestPageRecord({ references, slices }: ManifestPageRecord): Buffer {
  assert(references >= 1)
  assert(slices.length >= 1)
  assert(slices.length <= manifestPageExtentCountMax)

  const row = new RowWriter('manifestPage', 1, 16 + 80 * slices.length)
  row.unsigned(references)
  writeSlices(row, slices)
  return row.finish()
}

export function decodeManifestPageRecord(bytes: Buffer): ManifestPageRecord {
  const row = new RowReader('manifestPage', 1, bytes)
  const record = { references: row.unsigned(), slices: readSlices(row) }
  row.finish()

  if (record.references < 1) throw row.corrupt('nothing refers to it')
  if (record.slices.length < 1 || record.slices.length > manifestPageExtentCountMax) {
    throw row.corrupt('its number of slices is out of range')
  }
  return record
}
