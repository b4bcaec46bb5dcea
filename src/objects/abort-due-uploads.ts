/**
 * Aborts uploads that were not completed in the time that their buckets' rules give them.
 *
 * An index has them by bucket and by the time when they were begun: a round steps from bucket to bucket that has any, and
 * in each looks at those that are older than its shortest rule. There is no cursor: what is due goes, and so does its row.
 */

import { R2dError } from '../errors.ts'
import type { Entry, Range, Version } from '../metadata/engine.ts'
import {
  lifecycleKey,
  parseUploadIndexKey,
  prefixEnd,
  uploadIndexRange,
  uploadKey
} from '../metadata/keys.ts'
import { decodeLifecycleRecord } from '../metadata/lifecycle-record.ts'
import { LifecyclePlan } from './lifecycle-plan.ts'
import { abortUploadRow, type AbortContext } from './upload.ts'

/** Index rows read at once. */
const pageSize = 256

export interface AbortWork extends AbortContext {
  signal: AbortSignal
  /** What went wrong with one upload, or with the rules of a bucket, whose id it is called with in hex. */
  onError: (bucket: string, error: unknown) => void
}

/** How many there were. */
export async function abortDueUploads(work: AbortWork): Promise<number> {
  const { gte, lt } = uploadIndexRange()
  let next = gte
  let count = 0
  while (!work.signal.aborted) {
    const [first] = await read(work, { gte: next, lt }, 1)
    if (first === undefined) break

    const { bucketId } = parseUploadIndexKey(first.key)
    count += await abortInBucket(work, bucketId)
    next = prefixEnd(first.key.subarray(0, 1 + bucketId.length))
  }
  return count
}

async function abortInBucket(work: AbortWork, bucketId: Buffer): Promise<number> {
  const { now, signal } = work
  const rules = await readRules(work, bucketId)
  if (rules?.plan.abortAgeMin === undefined) return 0
  const { plan, version } = rules
  const started = now()
  const initiatedMax = started - rules.plan.abortAgeMin
  if (initiatedMax < 0) return 0

  let { gte: next } = uploadIndexRange({ bucketId, initiatedMax })
  const { lt } = uploadIndexRange({ bucketId, initiatedMax })
  let count = 0
  while (!signal.aborted) {
    const entries = await read(work, { gte: next, lt }, pageSize)
    for (const { key } of entries) {
      const { place } = parseUploadIndexKey(key)
      const time = plan.abortTime(place.key, place.initiated)
      if (time === undefined || time > started) continue
      const outcome = await abort(work, uploadKey(bucketId, place), { bucketId, version })
      if (outcome === 'aborted') count++
      if (outcome === 'rules-changed') return count
    }
    const last = entries.at(-1)
    if (last === undefined) break
    next = Buffer.concat([last.key, Buffer.alloc(1)])
  }
  return count
}

/** Undefined: none, or none that can be read. */
async function readRules(
  { metadata, onError }: AbortWork,
  bucketId: Buffer
): Promise<{ plan: LifecyclePlan; version: Version } | undefined> {
  const row = await metadata.get(lifecycleKey(bucketId))
  if (row === undefined) return undefined

  try {
    return { plan: new LifecyclePlan(decodeLifecycleRecord(row.value)), version: row.version }
  } catch (error) {
    if (codeOf(error) !== 'R2D_CORRUPT_RECORD') throw error
    onError(bucketId.toString('hex'), error)
    return undefined
  }
}

type Outcome = 'aborted' | 'left' | 'rules-changed'

async function abort(
  work: AbortWork,
  uploadRowKey: Buffer,
  rules: { bucketId: Buffer; version: Version }
): Promise<Outcome> {
  try {
    await abortUploadRow(work, uploadRowKey, rules)
    return 'aborted'
  } catch (error) {
    const code = codeOf(error)
    // Parts are written to it faster than they are listed: the next round has its turn.
    if (code === 'R2D_CONFLICT') return 'left'
    // Another round, by the rules that are there now, is on its way.
    if (code === 'R2D_PRECONDITION_FAILED') return 'rules-changed'
    if (code !== 'R2D_CORRUPT_RECORD') throw error
    work.onError(rules.bucketId.toString('hex'), error)
    return 'left'
  }
}

function codeOf(error: unknown): string | undefined {
  return error instanceof R2dError ? error.code : undefined
}

async function read({ metadata }: AbortWork, range: Range, count: number): Promise<Entry[]> {
  await using cursor = metadata.scan(range)
  return await cursor.read(count)
}
