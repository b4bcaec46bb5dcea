/**
 * The repair record: an extent that has fewer replicas than it is to have, or may have a bad one. Keyed by the extent's id.
 *
 * Written by the commit that knows of it, so that no kill forgets it; what is missing is read from the extent's own row,
 * whose newest version alone is right. The extent may be gone, or whole, by the time it is looked at.
 */

import { RowReader, RowWriter } from './row-codec.ts'

export interface RepairRecord {
  /** Milliseconds since the epoch. */
  queued: number
  /** Replicas that it had then, so that those with the fewest come first. At least 1. */
  replicaCount: number
}

export function encodeRepairRecord({ queued, replicaCount }: RepairRecord): Buffer {
  const row = new RowWriter('repair', 1, 16)
  row.unsigned(queued)
  row.unsigned(replicaCount)
  return row.finish()
}

export function decodeRepairRecord(bytes: Buffer): RepairRecord {
  const row = new RowReader('repair', 1, bytes)
  const record = { queued: row.unsigned(), replicaCount: row.unsigned() }
  row.finish()
  if (record.replicaCount < 1) throw row.corrupt('it had no replica')
  return record
}
