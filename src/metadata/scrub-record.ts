/**
 * The scrub record: how far the verification of all segments has come. One row, which the main thread alone writes.
 *
 * It may lag behind what was read, never run ahead of it: what is read twice costs time and nothing else.
 */

import assert from 'node:assert/strict'
import { RowReader, RowWriter } from './row-codec.ts'

/** Bytes of a segment that no extent could be told of: those whose rows name a place in it are to be looked at. */
export interface DamagedPlace {
  volume: number
  segment: number
  offset: number
  size: number
}

export interface ScrubRecord {
  state: 'running' | 'paused' | 'done'
  /** Of the round, milliseconds since the epoch. */
  started: number
  /** Zero before. */
  finished: number
  /** The segment that was verified last; both zero before the first. */
  volume: number
  segment: number
  segmentsDone: number
  /** When the round began. */
  segmentCount: number
  /** Verified in this round. */
  bytes: number
  /** Found in this round: records, ranges and segments that are not right, dead ones included. */
  damages: number
  /** Extents that were queued for repair in this round. */
  noted: number
  places: DamagedPlace[]
}

const states = ['running', 'paused', 'done'] as const

export function encodeScrubRecord(record: ScrubRecord): Buffer {
  const { state, places } = record
  const row = new RowWriter('scrub', 1)
  row.byte(states.indexOf(state))
  for (const name of numbers) row.unsigned(record[name])
  row.unsigned(places.length)
  for (const { volume, segment, offset, size } of places) {
    assert(size > 0)
    for (const value of [volume, segment, offset, size]) row.unsigned(value)
  }
  return row.finish()
}

export function decodeScrubRecord(bytes: Buffer): ScrubRecord {
  const row = new RowReader('scrub', 1, bytes)
  const state = states[row.byte()]
  if (state === undefined) throw row.corrupt('its state is unknown')
  const record: ScrubRecord = {
    state,
    started: row.unsigned(),
    finished: row.unsigned(),
    volume: row.unsigned(),
    segment: row.unsigned(),
    segmentsDone: row.unsigned(),
    segmentCount: row.unsigned(),
    bytes: row.unsigned(),
    damages: row.unsigned(),
    noted: row.unsigned(),
    places: []
  }
  for (let left = row.count(4); left > 0; left--) {
    const [volume, segment] = [row.unsigned(), row.unsigned()]
    const [offset, size] = [row.unsigned(), row.unsigned()]
    if (size === 0) throw row.corrupt('a damaged place is empty')
    record.places.push({ volume, segment, offset, size })
  }
  row.finish()
  return record
}

/** In the order in which they are stored. */
const numbers = [
  'started',
  'finished',
  'volume',
  'segment',
  'segmentsDone',
  'segmentCount',
  'bytes',
  'damages',
  'noted'
] as const
