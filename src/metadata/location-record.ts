/**
 * The location record: a named set of volumes and how many replicas an extent has there. Keyed by name.
 */

import assert from 'node:assert/strict'
import { RowReader, RowWriter } from './row-codec.ts'

export interface LocationRecord {
  /** Replicas that an extent is to have. */
  replicaCount: number
  /** 1 to `replicaCount`: with fewer than these durable, no write is acknowledged. */
  replicaCountMin: number
}

export function encodeLocationRecord({ replicaCount, replicaCountMin }: LocationRecord): Buffer {
  assert(replicaCountMin >= 1)
  assert(replicaCountMin <= replicaCount)

  const row = new RowWriter('location', 1, 16)
  row.unsigned(replicaCount)
  row.unsigned(replicaCountMin)
  return row.finish()
}

export function decodeLocationRecord(bytes: Buffer): LocationRecord {
  const row = new RowReader('location', 1, bytes)
  const record = { replicaCount: row.unsigned(), replicaCountMin: row.unsigned() }
  row.finish()
  if (record.replicaCountMin < 1 || record.replicaCountMin > record.replicaCount)
    throw row.corrupt('its least count of replicas is out of range')
  return record
}
