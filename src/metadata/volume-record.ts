/**
 * The volume record: a place for extents that belongs to this store. Keyed by the volume's number.
 */

import { RowReader, RowWriter } from './row-codec.ts'

export interface VolumeRecord {
  /** 16 bytes: what its superblock must say. */
  id: Buffer
  /** Of the directory; a relative one is under the home. */
  path: string
  location: string
  /** Volumes of one domain are expected to fail together; empty means: those on one device. */
  failureDomain: string
}

export function encodeVolumeRecord({ id, path, location, failureDomain }: VolumeRecord): Buffer {
  const row = new RowWriter('volume', 1)
  row.fixed(id, 16)
  row.text(path)
  row.text(location)
  row.text(failureDomain)
  return row.finish()
}

export function decodeVolumeRecord(bytes: Buffer): VolumeRecord {
  const row = new RowReader('volume', 1, bytes)
  const record = {
    id: row.fixed(16),
    path: row.text(),
    location: row.text(),
    failureDomain: row.text()
  }
  row.finish()
  return record
}
