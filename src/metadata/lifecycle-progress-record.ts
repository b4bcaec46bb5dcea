/**
 * The lifecycle progress record: how far the background work on a bucket's lifecycle has come.
 *
 * It is there exactly for the buckets that have such work, so that finding them is reading these rows and no others. What
 * it says may lag behind what was done, and never runs ahead of it: work that is repeated changes nothing.
 */

import { idSize } from '../crypto/key-wrap.ts'
import { conditionValue, toCondition, type LifecycleCondition } from './lifecycle-record.ts'
import { RowReader, RowWriter } from './row-codec.ts'

export interface LifecycleCursor {
  condition: LifecycleCondition
  /** The part of the last visited time index row's key behind the bucket's id; empty before the first. */
  position: Buffer
}

export interface LifecycleProgress {
  /** 16 bytes, new with each change of the rules: work that was decided under others is refused. */
  revision: Buffer
  bucket: string
  /** The objects up to this key are in the time index; empty before the first. */
  built: Buffer
  /** One for each condition that was met at least once. */
  cursors: LifecycleCursor[]
}

const kinds = ['age', 'date'] as const

export function encodeLifecycleProgress(progress: LifecycleProgress): Buffer {
  const { revision, bucket, built, cursors } = progress
  const row = new RowWriter('lifecycleProgress', 1)
  row.fixed(revision, idSize)
  row.text(bucket)
  row.bytes(built)
  row.unsigned(cursors.length)
  for (const { condition, position } of cursors) {
    row.byte(kinds.indexOf(condition.kind))
    row.unsigned(conditionValue(condition))
    row.bytes(position)
  }
  return row.finish()
}

export function decodeLifecycleProgress(bytes: Buffer): LifecycleProgress {
  const row = new RowReader('lifecycleProgress', 1, bytes)
  const progress = {
    revision: row.fixed(idSize),
    bucket: row.text(),
    built: row.bytes(),
    cursors: readCursors(row)
  }
  row.finish()
  return progress
}

function readCursors(row: RowReader): LifecycleCursor[] {
  const cursors: LifecycleCursor[] = []
  for (let left = row.count(3); left > 0; left--) {
    const kind = kinds[row.byte()]
    if (kind === undefined) throw row.corrupt('a kind of condition is unknown')
    cursors.push({ condition: toCondition(kind, row.unsigned()), position: row.bytes() })
  }
  return cursors
}
