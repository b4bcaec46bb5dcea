/**
 * The location record: a named set of volumes and how many replicas an extent has there. Keyed by name.
 */

import { RowReader, RowWriter } from './row-codec.ts'

export interface LocationRecord {
  replicaCount: number
}

export function encodeLocationRecord({ replicaCount }: LocationRecord): Buffer {
  const row = new RowWriter('location', 1, 16)
  row.unsigned(replicaCount)
  return row.finish()
}

export function decodeLocationRecord(bytes: Buffer): LocationRecord {
  const row = new RowReader('location', 1, bytes)
  const record = { replicaCount: row.unsigned() }
  row.finish()
  if (record.replicaCount < 1) throw row.corrupt('it keeps no replica')
  return record
}
