/**
 * Trash: what becomes of an object that is deleted or replaced.
 *
 * In a bucket that keeps such objects, its row moves to the trash in the commit that removes it; in others, what it referred to
 * goes to the release queue. After the bucket's window, or when its owner says so, a trash row goes the same way.
 *
 * Bringing an object back leaves its trash row: it is one more reference to the same content, so that the history of the key
 * stays as it was, and an undo can itself be undone. For each key, the version that was current at a time T is the one with
 * since <= T < removed.
 */

import { R2dError } from '../../errors.ts'
import { encodeBucketRecord, type BucketRecord } from '../bucket-record.ts'
import {
  bucketKey,
  discardKey,
  normalizeKey,
  objectKey,
  parseTrashKey,
  trashKey,
  trashUsageKey
} from '../keys.ts'
import {
  currentSince,
  decodeObjectRecord,
  encodeObjectRecord,
  type ObjectRecord
} from '../object-record.ts'
import type { Transaction } from '../transaction.ts'
import {
  decodeTrashRecord,
  decodeTrashUsageRecord,
  encodeTrashRecord,
  encodeTrashUsageRecord,
  type TrashCause
} from '../trash-record.ts'
import { shareContent } from './content-references.ts'
import { discard } from './discard.ts'
import { requireBucket } from './require-bucket.ts'
import { reindex } from './time-index.ts'

/** What `object` referred to is kept or let go, as its bucket has it. The caller removes or replaces its row. */
export async function retire(
  transaction: Transaction,
  bucket: BucketRecord,
  { object, cause, now }: { object: ObjectRecord; cause: TrashCause; now: number }
): Promise<void> {
  if (bucket.trashMode !== 'keep') {
    // A version that was brought back may have been let go of in this millisecond before.
    let released = now
    while (
      object.restored !== undefined &&
      (await transaction.get(discardKey(released, object.versionId))) !== undefined
    )
      released++
    discard(transaction, object.versionId, object.manifest, released)
    return
  }

  // Clocks are set, and requests overtake each other: nothing ends before it began. A version that was brought back may have
  // been here before within the same millisecond.
  let removed = Math.max(now, currentSince(object))
  while ((await transaction.get(trashKey(bucket.id, removed, object.versionId))) !== undefined)
    removed++
  transaction.put(
    trashKey(bucket.id, removed, object.versionId),
    encodeTrashRecord({ cause, object: encodeObjectRecord(object) })
  )
  await count(transaction, bucket, { objects: 1, bytes: object.size })
}

export interface SetBucketTrash {
  bucket: string
  bucketId: Buffer
  mode: BucketRecord['trashMode']
  /** How long objects are kept; of `keep` only. */
  seconds: number
  /** Milliseconds since the epoch. */
  now: number
}

/** R2D_PRECONDITION_FAILED: a bucket whose keys are to go with its objects does not begin to keep them by one order. */
export async function setBucketTrash(
  transaction: Transaction,
  { bucket, bucketId, mode, seconds, now }: SetBucketTrash
): Promise<void> {
  const record = await requireBucket(transaction, { bucket, bucketId })
  if (record.trashMode === 'shred' && mode === 'keep') {
    throw new R2dError(
      'R2D_PRECONDITION_FAILED',
      `Bucket ${bucket} is set to destroy the keys of what is deleted at once`,
      { hint: `Take that back first: r2d bucket trash set ${bucket} --keep off` }
    )
  }

  const isNew = mode === 'keep' && record.trashMode !== 'keep'
  const next: BucketRecord = {
    ...record,
    trashMode: mode,
    // What is in the trash when the bucket ceases to keep more stays for as long as it was to.
    trashSeconds: mode === 'keep' ? seconds : record.trashSeconds,
    trashSince: isNew ? now : record.trashSince
  }
  transaction.put(bucketKey(bucket), encodeBucketRecord(next))
  const usage = await transaction.get(trashUsageKey(bucketId))
  if (usage === undefined && mode === 'keep') {
    transaction.put(
      trashUsageKey(bucketId),
      encodeTrashUsageRecord({ bucket, objects: 0, bytes: 0 })
    )
  }
  if (usage !== undefined) await count(transaction, next, { objects: 0, bytes: 0 })
}

export interface ExpireTrash {
  bucket: string
  bucketId: Buffer
  /** Of trash rows. */
  rowKeys: Buffer[]
  /** 16 bytes for each, new: a version may be in the trash more than once. */
  discardIds: Buffer[]
  /** The owner's word: not only what has been there for the bucket's window. */
  isAsked: boolean
  /** Milliseconds since the epoch. */
  now: number
}

export async function expireTrash(
  transaction: Transaction,
  { bucket, bucketId, rowKeys, discardIds, isAsked, now }: ExpireTrash
): Promise<{ objects: number; bytes: number }> {
  const record = await requireBucket(transaction, { bucket, bucketId })
  const isAll = isAsked || record.trashMode === 'shred'
  const rows = await transaction.getMany(rowKeys)
  const gone = { objects: 0, bytes: 0 }
  for (const [index, rowKey] of rowKeys.entries()) {
    const [row, discardId] = [rows[index], discardIds[index]]
    if (row === undefined || discardId === undefined) continue
    if (!isAll && parseTrashKey(rowKey).removed + record.trashSeconds * 1000 > now) continue

    const { manifest, size } = decodeObjectRecord(decodeTrashRecord(row.value).object)
    discard(transaction, discardId, manifest, now)
    transaction.delete(rowKey)
    gone.objects++
    gone.bytes += size
  }
  if (gone.objects > 0)
    await count(transaction, record, { objects: -gone.objects, bytes: -gone.bytes })
  return gone
}

export interface RestoreTrash {
  bucket: string
  bucketId: Buffer
  /** Of trash rows. */
  rowKeys: Buffer[]
  /** The moment that an undo goes back to; otherwise the version is wanted whatever is there. */
  asOf?: number | undefined
  /** What came after this stays, milliseconds since the epoch. */
  begun: number
  now: number
}

/** How many objects were brought back. R2D_PRECONDITION_FAILED: something is there that would be lost. */
export async function restoreTrash(
  transaction: Transaction,
  { bucket, bucketId, rowKeys, asOf, begun, now }: RestoreTrash
): Promise<number> {
  const record = await requireBucket(transaction, { bucket, bucketId })
  let restored = 0
  for (const rowKey of rowKeys) {
    // One by one: two of them may be of one key.
    const row = await transaction.get(rowKey)
    if (row === undefined) continue
    const object = decodeObjectRecord(decodeTrashRecord(row.value).object)
    const target = objectKey(bucketId, normalizeKey(object.key))
    const found = await transaction.get(target)
    const current = found && decodeObjectRecord(found.value)
    if (current !== undefined) {
      if (currentSince(current) > begun && current.restored?.at !== now) continue
      if (current.versionId.equals(object.versionId)) {
        claim(transaction, target, current, asOf)
        continue
      }
      // Its clock says that it was there then.
      if (asOf !== undefined && currentSince(current) <= asOf) continue
      if (record.trashMode !== 'keep') throw wouldBeLost(object.key)
      await retire(transaction, record, { object: current, cause: 'undone', now })
    }

    await shareContent(transaction, object.manifest)
    const back: ObjectRecord = { ...object, restored: { at: now, asOf: asOf ?? now } }
    transaction.put(target, encodeObjectRecord(back))
    reindex(transaction, record, { rowKey: target, before: current, after: () => back })
    restored++
  }
  return restored
}

/** It was brought back before, by an undo to another moment: now it also belongs to this one. */
function claim(
  transaction: Transaction,
  rowKey: Buffer,
  { restored, ...object }: ObjectRecord,
  asOf: number | undefined
): void {
  if (restored === undefined || asOf === undefined || restored.at <= asOf) return
  transaction.put(rowKey, encodeObjectRecord({ ...object, restored: { ...restored, asOf } }))
}

export interface RetireNewer {
  bucket: string
  bucketId: Buffer
  /** Objects that were seen, and the version of each. */
  objects: { rowKey: Buffer; versionId: Buffer }[]
  /** The moment that an undo goes back to. */
  asOf: number
  now: number
}

/** Moves what was not there at `asOf` to the trash; how many. */
export async function retireNewer(
  transaction: Transaction,
  { bucket, bucketId, objects, asOf, now }: RetireNewer
): Promise<number> {
  const record = await requireBucket(transaction, { bucket, bucketId })
  if (record.trashMode !== 'keep') throw wouldBeLost(bucket)
  let count = 0
  for (const { rowKey, versionId } of objects) {
    const row = await transaction.get(rowKey)
    const object = row && decodeObjectRecord(row.value)
    if (object?.versionId.equals(versionId) !== true || !isNewer(object, asOf)) continue

    await retire(transaction, record, { object, cause: 'undone', now })
    reindex(transaction, record, { rowKey, before: object, after: undefined })
    transaction.delete(rowKey)
    count++
  }
  return count
}

/** Whether it was not there at `asOf`, and was not brought back as what was. */
export function isNewer(object: ObjectRecord, asOf: number): boolean {
  return currentSince(object) > asOf && object.restored?.asOf !== asOf
}

/** The row stands for as long as the bucket keeps objects, or has some. */
async function count(
  transaction: Transaction,
  { id, trashMode }: BucketRecord,
  change: { objects: number; bytes: number }
): Promise<void> {
  const row = await transaction.get(trashUsageKey(id))
  if (row === undefined) throw new R2dError('R2D_CORRUPT_RECORD', 'A count of trash is missing')

  const before = decodeTrashUsageRecord(row.value)
  const objects = before.objects + change.objects
  const bytes = before.bytes + change.bytes
  if (objects < 0 || bytes < 0)
    throw new R2dError('R2D_CORRUPT_RECORD', 'A count of trash is less than what is there')
  if (objects === 0 && trashMode !== 'keep') transaction.delete(trashUsageKey(id))
  else transaction.put(trashUsageKey(id), encodeTrashUsageRecord({ ...before, objects, bytes }))
}

function wouldBeLost(key: string): R2dError {
  return new R2dError(
    'R2D_PRECONDITION_FAILED',
    `What is there now under ${key} would be lost: its bucket does not keep what is replaced`,
    { hint: 'Copy it away, or let the bucket keep: r2d bucket trash set BUCKET --keep 7d' }
  )
}
