/**
 * The bucket record.
 */

import assert from 'node:assert/strict'
import { wrappedKeySize } from '../crypto/key-wrap.ts'
import { RowReader, RowWriter } from './row-codec.ts'

import { decodeStorageClass, encodeStorageClass, type StorageClass } from './object-record.ts'

export interface BucketRecord {
  /** 12 bytes, random: the prefix of its objects' row keys, so that a name used again starts empty. */
  id: Buffer
  /** Milliseconds since the epoch. */
  created: number
  /** Name of the location that its extents are placed in. */
  location: string
  storageClass: StorageClass
  /** 48 bytes: the bucket's key, wrapped under the master key. */
  wrappedKey: Buffer
  /** `deleting` is DeleteBucket's mark while it makes sure that nothing is in it. A write takes it away. */
  state: 'active' | 'deleting'
  /** Whether it has a CORS row. */
  hasCors: boolean
  /**
   * Of its objects by upload time, for its lifecycle rules. While it is `building` or `ready`, every commit that changes an object
   * changes it, too; while it is `clearing`, what is left of it goes.
   */
  timeIndex: 'none' | 'building' | 'ready' | 'clearing'
  /** Replicas that what is written to it is to have, and the fewest of a write that is acknowledged; both zero: as its location has it. */
  replicaCount: number
  replicaCountMin: number
  /** What becomes of objects that are deleted or replaced: gone, kept for a while, or gone with the promise that they never are kept. */
  trashMode: 'off' | 'keep' | 'shred'
  /** How long they are kept, or were last; zero if they never were. */
  trashSeconds: number
  /** Since when they are kept, milliseconds since the epoch; zero if they never were. */
  trashSince: number
}

export const bucketIdSize = 12

const stateCodes = { active: 0, deleting: 1 } as const

const trashModes = ['off', 'keep', 'shred'] as const

const timeIndexStates = ['none', 'building', 'ready', 'clearing'] as const

export function isIndexed({ timeIndex }: BucketRecord): boolean {
  return timeIndex === 'building' || timeIndex === 'ready'
}

export function encodeBucketRecord(record: BucketRecord): Buffer {
  assert(isReplicaPolicy(record))

  const row = new RowWriter('bucket', 1)
  row.fixed(record.id, bucketIdSize)
  row.unsigned(record.created)
  row.text(record.location)
  row.byte(encodeStorageClass(record.storageClass))
  row.fixed(record.wrappedKey, wrappedKeySize)
  row.byte(stateCodes[record.state])
  row.byte(record.hasCors ? 1 : 0)
  row.byte(timeIndexStates.indexOf(record.timeIndex))
  row.unsigned(record.replicaCount)
  row.unsigned(record.replicaCountMin)
  row.byte(trashModes.indexOf(record.trashMode))
  row.unsigned(record.trashSeconds)
  row.unsigned(record.trashSince)
  return row.finish()
}

export function decodeBucketRecord(bytes: Buffer): BucketRecord {
  const row = new RowReader('bucket', 1, bytes)
  const record = {
    id: row.fixed(bucketIdSize),
    created: row.unsigned(),
    location: row.text(),
    storageClass: decodeStorageClass(row),
    wrappedKey: row.fixed(wrappedKeySize),
    state: decodeState(row),
    hasCors: decodeFlag(row),
    timeIndex: decodeTimeIndexState(row),
    replicaCount: row.unsigned(),
    replicaCountMin: row.unsigned(),
    trashMode: decodeTrashMode(row),
    trashSeconds: row.unsigned(),
    trashSince: row.unsigned()
  }
  row.finish()
  if (!isReplicaPolicy(record)) throw row.corrupt('its least count of replicas is out of range')
  return record
}

function isReplicaPolicy({
  replicaCount,
  replicaCountMin
}: Pick<BucketRecord, 'replicaCount' | 'replicaCountMin'>): boolean {
  if (replicaCount === 0) return replicaCountMin === 0
  return replicaCountMin >= 1 && replicaCountMin <= replicaCount
}

function decodeTimeIndexState(row: RowReader): BucketRecord['timeIndex'] {
  const state = timeIndexStates[row.byte()]
  if (state === undefined) throw row.corrupt('the state of its time index is unknown')
  return state
}

function decodeTrashMode(row: RowReader): BucketRecord['trashMode'] {
  const mode = trashModes[row.byte()]
  if (mode === undefined) throw row.corrupt('what becomes of its objects is unknown')
  return mode
}

function decodeFlag(row: RowReader): boolean {
  const value = row.byte()
  if (value > 1) throw row.corrupt('a flag is neither 0 nor 1')
  return value === 1
}

function decodeState(row: RowReader): BucketRecord['state'] {
  const code = row.byte()
  if (code === stateCodes.active) return 'active'
  if (code === stateCodes.deleting) return 'deleting'
  throw row.corrupt('its state is unknown')
}
