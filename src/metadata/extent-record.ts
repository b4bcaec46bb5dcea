/**
 * The extent record: where an extent's replicas are, and how many manifests hold it.
 */

import assert from 'node:assert/strict'
import { extentSizeMax } from '../limits.ts'
import { RowReader, RowWriter } from './row-codec.ts'
import type { Replica } from '../storage/replica.ts'

export type { Replica }

export interface ExtentRecord {
  /** Bytes of plaintext: 1 to extentSizeMax. */
  size: number
  /** Slices of it in the rows of objects, parts and manifest pages. At least 1. */
  references: number
  /** Replicas that it is to have; zero: as many as its location keeps. */
  replicaTarget: number
  replicas: Replica[]
}

/** A replica takes at least a byte for each of its numbers. */
const replicaSizeMin = 3

export function encodeExtentRecord({
  size,
  references,
  replicaTarget,
  replicas
}: ExtentRecord): Buffer {
  assert(size >= 1)
  assert(size <= extentSizeMax)
  assert(references >= 1)
  assert(replicas.length >= 1)

  const row = new RowWriter('extent', 1, 64)
  row.unsigned(size)
  row.unsigned(references)
  row.unsigned(replicaTarget)
  row.unsigned(replicas.length)
  for (const { volume, segment, offset } of replicas) {
    assert(volume >= 1)
    row.unsigned(volume)
    row.unsigned(segment)
    row.unsigned(offset)
  }
  return row.finish()
}

export function decodeExtentRecord(bytes: Buffer): ExtentRecord {
  const row = new RowReader('extent', 1, bytes)
  const size = row.unsigned()
  const references = row.unsigned()
  const replicaTarget = row.unsigned()
  const replicas: Replica[] = []
  for (let left = row.count(replicaSizeMin); left > 0; left--) {
    replicas.push({ volume: row.unsigned(), segment: row.unsigned(), offset: row.unsigned() })
  }
  row.finish()

  if (size < 1 || size > extentSizeMax) throw row.corrupt('its size is out of range')
  if (references < 1 || replicas.length < 1)
    throw row.corrupt('nothing refers to it, or it to nothing')
  if (replicas.some(({ volume }) => volume < 1)) throw row.corrupt('a volume has no number')
  return { size, references, replicaTarget, replicas }
}

export function isSamePlace(a: Replica, b: Replica): boolean {
  return a.volume === b.volume && a.segment === b.segment && a.offset === b.offset
}

/** Whether both name the same places in the same order. */
export function isSameReplicas(a: readonly Replica[], b: readonly Replica[]): boolean {
  return (
    a.length === b.length &&
    a.every((replica, index) => {
      const other = b[index]
      return other !== undefined && isSamePlace(replica, other)
    })
  )
}
