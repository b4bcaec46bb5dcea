/**
 * What a bucket keeps of deleted and replaced objects: seen, brought back, let go of, and undone to a moment.
 *
 * Each call is one bounded step, which says where the next one goes on: whoever asks for a whole bucket's worth asks again.
 * A step that is repeated does nothing twice, so that whatever was cut off is done by asking again.
 */

import { newId } from '../crypto/key-wrap.ts'
import { R2dError } from '../errors.ts'
import type { BucketRecord } from '../metadata/bucket-record.ts'
import type { Committer } from '../metadata/committer.ts'
import type { Entry, Range } from '../metadata/engine.ts'
import {
  objectRange,
  parseTrashKey,
  trashKey,
  trashRange,
  trashUsageKey
} from '../metadata/keys.ts'
import { isNewer } from '../metadata/mutations/trash.ts'
import { currentSince, decodeObjectRecord, type ObjectRecord } from '../metadata/object-record.ts'
import {
  decodeTrashRecord,
  decodeTrashUsageRecord,
  type TrashCause
} from '../metadata/trash-record.ts'
import { readBucket } from './bucket.ts'
import type { MetadataReader } from './context.ts'

/** Rows that one step looks at. */
const stepSizeDefault = 500

export const trashSecondsMax = 10 * 365 * 86_400

export interface TrashContext {
  metadata: MetadataReader
  committer: Pick<Committer, 'mutate'>
  /** Milliseconds since the epoch. */
  now: () => number
  stepSize?: number
}

export interface TrashPolicy {
  mode: BucketRecord['trashMode']
  seconds: number
  /** Milliseconds since the epoch. */
  since: number
  objects: number
  /** Bytes of content. */
  bytes: number
}

export interface TrashedObject {
  /** Names this one of the bucket's trash. */
  id: string
  key: string
  size: number
  cause: TrashCause
  /** When it became the current one, and when it ceased to be, milliseconds since the epoch. */
  since: number
  removed: number
  /** When it is let go of. */
  expires: number
}

export interface Page {
  /** Where the step before came to. */
  after?: string | undefined
}

export async function getTrashPolicy(context: TrashContext, bucket: string): Promise<TrashPolicy> {
  const { id, trashMode, trashSeconds, trashSince } = await readBucket(context.metadata, bucket)
  const row = await context.metadata.get(trashUsageKey(id))
  const { objects, bytes } =
    row === undefined ? { objects: 0, bytes: 0 } : decodeTrashUsageRecord(row.value)
  return { mode: trashMode, seconds: trashSeconds, since: trashSince, objects, bytes }
}

export async function setTrashPolicy(
  context: TrashContext,
  bucket: string,
  { mode, seconds }: Pick<TrashPolicy, 'mode' | 'seconds'>
): Promise<TrashPolicy> {
  const { id: bucketId } = await readBucket(context.metadata, bucket)
  const now = context.now()
  await context.committer.mutate('setBucketTrash', { bucket, bucketId, mode, seconds, now })
  return getTrashPolicy(context, bucket)
}

/** In the order in which they came in. */
export async function listTrash(
  context: TrashContext,
  { bucket, prefix, after }: { bucket: string; prefix: string } & Page
): Promise<{ objects: TrashedObject[]; next: string | undefined }> {
  const { id, trashSeconds } = await readBucket(context.metadata, bucket)
  const { entries, next } = await readPage(context, trashRange(id), after)
  const wanted = prefix.normalize('NFC')
  const objects = entries.flatMap(entry => {
    const { removed, versionId } = parseTrashKey(entry.key)
    const { cause, object: value } = decodeTrashRecord(entry.value)
    const object = decodeObjectRecord(value)
    if (!object.key.normalize('NFC').startsWith(wanted)) return []
    const { key, size } = object
    const expires = removed + trashSeconds * 1000
    const id = `${removed}-${versionId.toString('hex')}`
    return [{ id, key, size, cause, since: currentSince(object), removed, expires }]
  })
  return { objects, next }
}

/** Makes it the current version of its key again; what is there now goes to the trash. R2D_NO_SUCH_KEY. */
export async function restoreFromTrash(
  context: TrashContext,
  { bucket, id }: { bucket: string; id: string }
): Promise<void> {
  const { id: bucketId } = await readBucket(context.metadata, bucket)
  const [, removed, versionId] = /^(\d{1,15})-([0-9a-f]{32})$/.exec(id) ?? []
  const rowKey =
    removed === undefined || versionId === undefined
      ? undefined
      : trashKey(bucketId, Number(removed), Buffer.from(versionId, 'hex'))
  if (rowKey === undefined || (await context.metadata.get(rowKey)) === undefined) {
    throw new R2dError('R2D_NO_SUCH_KEY', `The trash of bucket ${bucket} has no ${id}`)
  }

  const now = context.now()
  const begun = Number.MAX_SAFE_INTEGER
  await context.committer.mutate('restoreTrash', {
    bucket,
    bucketId,
    rowKeys: [rowKey],
    begun,
    now
  })
}

/** Lets go of what is there under a prefix, whatever its age. */
export async function emptyTrash(
  context: TrashContext,
  { bucket, prefix, after }: { bucket: string; prefix: string } & Page
): Promise<{ objects: number; bytes: number; next: string | undefined }> {
  const { id: bucketId } = await readBucket(context.metadata, bucket)
  const { entries, next } = await readPage(context, trashRange(bucketId), after)
  const wanted = prefix.normalize('NFC')
  const rowKeys = entries
    .filter(({ value }) => objectOf(value).key.normalize('NFC').startsWith(wanted))
    .map(({ key }) => key)
  const gone = await letGo(context, { bucket, bucketId, rowKeys, isAsked: true })
  return { ...gone, next }
}

/** The step that `emptyTrash` and the bucket's window have in common. */
export async function letGo(
  { committer, now }: TrashContext,
  of: { bucket: string; bucketId: Buffer; rowKeys: Buffer[]; isAsked: boolean }
): Promise<{ objects: number; bytes: number }> {
  if (of.rowKeys.length === 0) return { objects: 0, bytes: 0 }

  const discardIds = of.rowKeys.map(newId)
  return committer.mutate('expireTrash', { ...of, discardIds, now: now() })
}

export interface UndoOptions extends Page {
  bucket: string
  prefix: string
  /** The moment to go back to, milliseconds since the epoch. */
  asOf: number
  /** When the undo began, the same in each step: what came later stays. */
  begun: number
  /** Only counts. */
  isDry: boolean
}

export interface UndoStep {
  restored: number
  /** To the trash. */
  removed: number
  next: string | undefined
}

/**
 * Puts what is under the prefix back as it was at a moment: first brings back what was deleted or replaced since, then
 * moves what is newer to the trash. R2D_PRECONDITION_FAILED if the bucket has not kept everything since then.
 */
export async function undo(context: TrashContext, options: UndoOptions): Promise<UndoStep> {
  const { bucket, asOf, after = 't' } = options
  const record = await readBucket(context.metadata, bucket)
  requireKept(record, options, context.now())

  const [phase, place] = [after.charAt(0), after.slice(1)]
  if (phase === 't') {
    const range = trashRange(record.id, { removedAfter: asOf })
    const { entries, next } = await readPage(context, range, place)
    const restored = await bringBack(context, record, entries, options)
    return { restored, removed: 0, next: next === undefined ? 'o' : `t${next}` }
  }

  const range = objectRange(record.id, Buffer.from(options.prefix.normalize('NFC')))
  const { entries, next } = await readPage(context, range, place)
  const removed = await takeAway(context, record, entries, options)
  return { restored: 0, removed, next: next === undefined ? undefined : `o${next}` }
}

async function bringBack(
  { committer, now }: TrashContext,
  { id: bucketId }: BucketRecord,
  entries: readonly Entry[],
  { bucket, prefix, asOf, begun, isDry }: UndoOptions
): Promise<number> {
  const wanted = prefix.normalize('NFC')
  const rowKeys = entries
    .filter(({ value }) => {
      const object = objectOf(value)
      return currentSince(object) <= asOf && object.key.normalize('NFC').startsWith(wanted)
    })
    .map(({ key }) => key)
  if (isDry || rowKeys.length === 0) return rowKeys.length

  return committer.mutate('restoreTrash', { bucket, bucketId, rowKeys, asOf, begun, now: now() })
}

async function takeAway(
  { committer, now }: TrashContext,
  { id: bucketId }: BucketRecord,
  entries: readonly Entry[],
  { bucket, asOf, begun, isDry }: UndoOptions
): Promise<number> {
  const objects = entries.flatMap(({ key: rowKey, value }) => {
    const object = decodeObjectRecord(value)
    // What this undo brought back is newer than its beginning, and says so.
    if (!isNewer(object, asOf) || currentSince(object) > begun) return []
    return [{ rowKey, versionId: object.versionId }]
  })
  if (isDry || objects.length === 0) return objects.length

  return committer.mutate('retireNewer', { bucket, bucketId, objects, asOf, now: now() })
}

function requireKept(
  { trashMode, trashSeconds, trashSince }: BucketRecord,
  { bucket, asOf }: UndoOptions,
  now: number
): void {
  if (trashMode !== 'keep') {
    throw new R2dError(
      'R2D_PRECONDITION_FAILED',
      `Bucket ${bucket} does not keep what is deleted`,
      {
        hint: `From now on it does with: r2d bucket trash set ${bucket} --keep 7d`
      }
    )
  }

  const first = Math.max(trashSince, now - trashSeconds * 1000)
  if (asOf >= first && asOf <= now) return
  throw new R2dError(
    'R2D_PRECONDITION_FAILED',
    `Bucket ${bucket} can be put back to moments since ${new Date(first).toISOString()}`,
    { hint: 'r2d trash ls shows what else is there still' }
  )
}

function objectOf(value: Buffer): ObjectRecord {
  return decodeObjectRecord(decodeTrashRecord(value).object)
}

async function readPage(
  { metadata, stepSize = stepSizeDefault }: TrashContext,
  range: Range,
  after = ''
): Promise<{ entries: Entry[]; next: string | undefined }> {
  if (!/^(?:[0-9a-f]{2})*$/.test(after)) {
    throw new R2dError('R2D_INVALID_CONFIG', 'That is not where a step came to')
  }

  await using cursor = metadata.scan(range)
  if (after !== '') cursor.seek(Buffer.concat([Buffer.from(after, 'hex'), Buffer.alloc(1)]))
  const entries = await cursor.read(stepSize)
  const last = entries.at(-1)
  return { entries, next: entries.length < stepSize ? undefined : last?.key.toString('hex') }
}
