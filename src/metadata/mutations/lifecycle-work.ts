/**
 * The steps of the background work on a bucket's lifecycle. Each is bounded, notes how far it got in the commit that
 * does it, and may be repeated: it looks at every row again before it acts.
 *
 * Each names the revision of the progress that it was decided from. If the rules have changed since, it is refused
 * (R2D_CONFLICT): nothing is deleted by a rule that is no longer there.
 *
 * An object whose row does not decode is left as it is, and named to the caller: one is not to hold up all others.
 */

import { R2dError } from '../../errors.ts'
import { decodeBucketRecord, encodeBucketRecord, type BucketRecord } from '../bucket-record.ts'
import {
  bucketKey,
  lifecycleKey,
  lifecycleProgressKey,
  parseObjectKey,
  timeIndexKey
} from '../keys.ts'
import {
  decodeLifecycleProgress,
  encodeLifecycleProgress,
  type LifecycleCursor,
  type LifecycleProgress
} from '../lifecycle-progress-record.ts'
import { decodeLifecycleRecord, isSameCondition, needsTimeIndex } from '../lifecycle-record.ts'
import {
  currentSince,
  decodeObjectRecord,
  encodeObjectRecord,
  type ObjectRecord
} from '../object-record.ts'
import { encodeTimeIndexRecord } from '../time-index-record.ts'
import type { Transaction } from '../transaction.ts'
import { removeObject } from './delete-objects.ts'
import { requireBucket } from './require-bucket.ts'

interface LifecycleStep {
  bucket: string
  bucketId: Buffer
  /** Of the progress that the step was decided from. */
  revision: Buffer
}

export interface BuildTimeIndex extends LifecycleStep {
  /** Objects' row keys, ascending, the first of which stands behind what is built. None: that was all. */
  rowKeys: Buffer[]
}

/** What a step could not read. */
export interface Unreadable {
  /** Row keys of objects. */
  unreadable: Buffer[]
}

export async function buildTimeIndex(
  transaction: Transaction,
  step: BuildTimeIndex
): Promise<Unreadable> {
  const record = await requireBucket(transaction, step)
  const progress = await requireProgress(transaction, step)
  if (record.timeIndex !== 'building') throw changed(step)

  const last = step.rowKeys.at(-1)
  if (last === undefined) {
    setTimeIndex(transaction, step, record, 'ready')
    return { unreadable: [] }
  }

  const rows = await transaction.getMany(step.rowKeys)
  const unreadable: Buffer[] = []
  for (const [index, rowKey] of step.rowKeys.entries()) {
    const row = rows[index]
    // Deleted since it was seen; or replaced, and in the index by that.
    if (row === undefined) continue
    const object = decodeIfWhole(row.value)
    if (object === undefined) {
      unreadable.push(rowKey)
      continue
    }
    const indexKey = timeIndexKey(step.bucketId, currentSince(object), parseObjectKey(rowKey).key)
    transaction.put(indexKey, encodeTimeIndexRecord())
  }
  putProgress(transaction, step, { ...progress, built: parseObjectKey(last).key })
  return { unreadable }
}

export interface ClearTimeIndex extends LifecycleStep {
  /** Keys of index rows. None: there are no more. */
  indexKeys: Buffer[]
}

/** For an index that is not wanted any more, and for what was left of one when its bucket was deleted. */
export async function clearTimeIndex(
  transaction: Transaction,
  step: ClearTimeIndex
): Promise<void> {
  const progress = await requireProgress(transaction, step)
  const row = await transaction.get(bucketKey(step.bucket))
  const found = row && decodeBucketRecord(row.value)
  const record = found?.id.equals(step.bucketId) === true ? found : undefined
  if (record !== undefined && record.timeIndex !== 'clearing') throw changed(step)

  if (step.indexKeys.length > 0) {
    for (const key of step.indexKeys) transaction.delete(key)
    return
  }
  if (record === undefined) {
    transaction.delete(lifecycleProgressKey(step.bucketId))
    return
  }

  const rules = await transaction.get(lifecycleKey(step.bucketId))
  if (rules !== undefined && needsTimeIndex(decodeLifecycleRecord(rules.value))) {
    setTimeIndex(transaction, step, record, 'building')
    putProgress(transaction, step, { ...progress, built: Buffer.alloc(0), cursors: [] })
  } else {
    setTimeIndex(transaction, step, record, 'none')
    transaction.delete(lifecycleProgressKey(step.bucketId))
  }
}

/** An object that was seen to be due, and the version that was. */
export interface DueObject {
  rowKey: Buffer
  uploaded: number
}

export interface ApplyLifecycle extends LifecycleStep {
  expire: DueObject[]
  /** To STANDARD_IA. */
  transition: DueObject[]
  /** Where the visit of the index has come to. */
  cursor: LifecycleCursor
  /** Cursors of conditions that are of no use any more are dropped: the others. */
  keep: LifecycleCursor['condition'][]
  /** Milliseconds since the epoch. */
  now: number
}

export async function applyLifecycle(
  transaction: Transaction,
  step: ApplyLifecycle
): Promise<{ expired: number; transitioned: number } & Unreadable> {
  const record = await requireBucket(transaction, step)
  const progress = await requireProgress(transaction, step)
  if (record.timeIndex !== 'ready') throw changed(step)

  const due = [...step.expire, ...step.transition]
  const rows = await transaction.getMany(due.map(({ rowKey }) => rowKey))
  const unreadable: Buffer[] = []
  let [expired, transitioned] = [0, 0]
  for (const [index, { rowKey, uploaded }] of due.entries()) {
    const row = rows[index]
    const object = row && decodeIfWhole(row.value)
    if (row !== undefined && object === undefined) unreadable.push(rowKey)
    // Deleted or replaced since it was seen: what is there now is younger, and has its own place in the index.
    if (object === undefined || currentSince(object) !== uploaded) continue

    if (index < step.expire.length) {
      const { now } = step
      await removeObject(transaction, record, { rowKey, object, cause: 'expired', now })
      expired++
    } else if (object.storageClass === 'STANDARD') {
      const value = encodeObjectRecord({ ...object, storageClass: 'STANDARD_IA' })
      transaction.put(rowKey, value)
      transitioned++
    }
  }

  const cursors = progress.cursors.filter(
    ({ condition }) =>
      !isSameCondition(condition, step.cursor.condition) &&
      step.keep.some(each => isSameCondition(each, condition))
  )
  putProgress(transaction, step, { ...progress, cursors: [...cursors, step.cursor] })
  return { expired, transitioned, unreadable }
}

function decodeIfWhole(value: Buffer): ObjectRecord | undefined {
  try {
    return decodeObjectRecord(value)
  } catch (error) {
    if (error instanceof R2dError && error.code === 'R2D_CORRUPT_RECORD') return undefined
    throw error
  }
}

async function requireProgress(
  transaction: Transaction,
  step: LifecycleStep
): Promise<LifecycleProgress> {
  const row = await transaction.get(lifecycleProgressKey(step.bucketId))
  const progress = row && decodeLifecycleProgress(row.value)
  if (progress?.revision.equals(step.revision) !== true) throw changed(step)
  return progress
}

function putProgress(
  transaction: Transaction,
  { bucketId }: LifecycleStep,
  progress: LifecycleProgress
): void {
  transaction.put(lifecycleProgressKey(bucketId), encodeLifecycleProgress(progress))
}

function setTimeIndex(
  transaction: Transaction,
  { bucket }: LifecycleStep,
  record: BucketRecord,
  timeIndex: BucketRecord['timeIndex']
): void {
  transaction.put(bucketKey(bucket), encodeBucketRecord({ ...record, timeIndex }))
}

function changed({ bucket }: LifecycleStep): R2dError {
  return new R2dError('R2D_CONFLICT', `The lifecycle of bucket ${bucket} has changed`)
}
