/**
 * Aborts uploads that were not completed in the time that their buckets' rules give them.
 *
 * An index has them by bucket and by the time when they were begun: a round steps from bucket to bucket that has any, and
 * in each looks at those that are older than its shortest rule. There is no cursor: what is due goes, and so does its row.
 */

import { R2dError } from '../errors.ts'
import type { Entry, Range } from '../metadata/engine.ts'
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
  const { metadata, now, signal } = work
  const row = await metadata.get(lifecycleKey(bucketId))
  const plan = new LifecyclePlan(row === undefined ? [] : decodeLifecycleRecord(row.value))
  const started = now()
  const initiatedMax = started - (plan.abortAgeMin ?? Infinity)
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
      if (await abort(work, uploadKey(bucketId, place))) count++
    }
    const last = entries.at(-1)
    if (last === undefined) break
    next = Buffer.concat([last.key, Buffer.alloc(1)])
  }
  return count
}

/** One to which parts are written faster than they are listed is left for the next round. */
async function abort(work: AbortWork, uploadRowKey: Buffer): Promise<boolean> {
  try {
    await abortUploadRow(work, uploadRowKey)
    return true
  } catch (error) {
    if (error instanceof R2dError && error.code === 'R2D_CONFLICT') return false
    throw error
  }
}

async function read({ metadata }: AbortWork, range: Range, count: number): Promise<Entry[]> {
  await using cursor = metadata.scan(range)
  return await cursor.read(count)
}
