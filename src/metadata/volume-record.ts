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
  state: RecordedVolumeState
}

/**
 * What was decided of a volume, whatever its disk does.
 *
 *     active     it is written to and read
 *     draining   it is read, and given no new replicas
 *     leaving    draining, and no commit names it any more: it is being proved that no extent does
 *     lost       what is on it counts for nothing
 *     removed    no extent names it; the row stays, so that its number does not come back
 */
export type RecordedVolumeState = (typeof states)[number]

const states = ['active', 'draining', 'leaving', 'lost', 'removed'] as const

export function encodeVolumeRecord({
  id,
  path,
  location,
  failureDomain,
  state
}: VolumeRecord): Buffer {
  const row = new RowWriter('volume', 1)
  row.fixed(id, 16)
  row.text(path)
  row.text(location)
  row.text(failureDomain)
  row.byte(states.indexOf(state))
  return row.finish()
}

export function decodeVolumeRecord(bytes: Buffer): VolumeRecord {
  const row = new RowReader('volume', 1, bytes)
  const record = {
    id: row.fixed(16),
    path: row.text(),
    location: row.text(),
    failureDomain: row.text(),
    state: decodeState(row)
  }
  row.finish()
  return record
}

function decodeState(row: RowReader): RecordedVolumeState {
  const state = states[row.byte()]
  if (state === undefined) throw row.corrupt('its state is unknown')
  return state
}
