/**
 * The background work on lifecycles: one round over the buckets that have any.
 *
 * What costs is proportional to what there is to do: buckets without rules for objects are not looked at, and of those with such
 * rules, only the part of the time index that became due since the round before. Each distinct condition has a cursor
 * into the index, because what is uploaded later stands behind what is uploaded earlier: an object is visited once a condition.
 *
 * Every step is one small commit that notes how far it got. A process that is killed leaves nothing half done, and two that
 * work at once only repeat each other.
 */

import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises'
import { R2dError } from '../errors.ts'
import { decodeBucketRecord } from '../metadata/bucket-record.ts'
import type { Committer } from '../metadata/committer.ts'
import type { Entry, Range } from '../metadata/engine.ts'
import {
  bucketKey,
  lifecycleKey,
  lifecycleProgressKey,
  lifecycleProgressRange,
  objectKey,
  objectRange,
  parseLifecycleProgressKey,
  parseTimeIndexKey,
  timeIndexPosition,
  timeIndexRange
} from '../metadata/keys.ts'
import { decodeLifecycleProgress } from '../metadata/lifecycle-progress-record.ts'
import {
  decodeLifecycleRecord,
  isSameCondition,
  type LifecycleCondition
} from '../metadata/lifecycle-record.ts'
import type { DueObject, Unreadable } from '../metadata/mutations/lifecycle-work.ts'
import type { MetadataReader } from './context.ts'
import { abortDueUploads } from './abort-due-uploads.ts'
import { LifecyclePlan } from './lifecycle-plan.ts'

/** Rows of the index, or objects, in one step: what others may have to wait behind. */
const stepSizeDefault = 256

/** Progress rows read at once. */
const pageSize = 100

/** Steps that found nothing to do before the place that they came to is noted all the same. */
const idleStepCountMax = 40

/**
 * A write takes its upload time before it is committed, and clocks are set: what is younger than this, in milliseconds, may
 * still get company from before it, and is visited again.
 */
const settledMs = 5 * 60_000

/** How far a cursor may lag behind, milliseconds of upload time, where there was nothing to visit. */
const lagMax = 60 * 60_000

const nothing = Buffer.alloc(0)

export interface LifecycleWork {
  metadata: MetadataReader
  committer: Pick<Committer, 'mutate'>
  /** Milliseconds since the epoch. */
  now: () => number
  /** Ends the round after the step that is under way. */
  signal: AbortSignal
  /** What went wrong with one bucket, named or by its id in hex; the round goes on with what else there is. */
  onError: (bucket: string, error: unknown) => void
  stepSize?: number
}

export interface LifecycleFigures {
  expired: number
  transitioned: number
  /** Objects that were put into time indexes. */
  indexed: number
  /** Rows of time indexes that were looked at. */
  visited: number
  /** Uploads that were not completed in time. */
  aborted: number
}

/** One round. Rejects if the metadata cannot be read or written at all. */
export async function runLifecycleRound(work: LifecycleWork): Promise<LifecycleFigures> {
  const figures: LifecycleFigures = {
    expired: 0,
    transitioned: 0,
    indexed: 0,
    visited: 0,
    aborted: 0
  }
  const { gte, lt } = lifecycleProgressRange()
  let next = gte
  for (;;) {
    const page = await readRange(work, { gte: next, lt }, pageSize)
    for (const { key } of page) {
      if (work.signal.aborted) return figures
      await new BucketWork(work, figures, parseLifecycleProgressKey(key)).run()
    }
    const last = page.at(-1)
    if (last === undefined) break
    next = behind(last.key)
  }

  figures.aborted = await abortDueUploads(work)
  return figures
}

interface Current {
  bucket: string
  bucketId: Buffer
  revision: Buffer
  built: Buffer
  cursors: readonly { condition: LifecycleCondition; position: Buffer }[]
  state: 'none' | 'building' | 'ready' | 'clearing'
}

class BucketWork {
  readonly #work: LifecycleWork
  readonly #figures: LifecycleFigures
  readonly #bucketId: Buffer
  readonly #stepSize: number
  #name = ''

  constructor(work: LifecycleWork, figures: LifecycleFigures, bucketId: Buffer) {
    this.#work = work
    this.#figures = figures
    this.#bucketId = bucketId
    this.#stepSize = work.stepSize ?? stepSizeDefault
  }

  async run(): Promise<void> {
    try {
      // Each pass takes the bucket from one state to the next; the last is that nothing is left to do now.
      let hasMore = true
      while (hasMore && !this.#work.signal.aborted) hasMore = await this.#runState()
    } catch (error) {
      const code = error instanceof R2dError ? error.code : undefined
      // The rules have changed, or the bucket is going: another round is on its way.
      if (code === 'R2D_CONFLICT' || code === 'R2D_NO_SUCH_BUCKET') return
      if (code === undefined || code === 'R2D_UNAVAILABLE') throw error
      this.#work.onError(this.#name, error)
    }
  }

  /** Whether there is another state to work on. */
  async #runState(): Promise<boolean> {
    const current = await this.#read()
    switch (current?.state) {
      case undefined:
        return false
      case 'building':
        return this.#build(current)
      case 'clearing':
        return this.#clear(current)
      case 'ready':
        await this.#apply(current)
        return false
      case 'none':
        // The row of a bucket that is gone, or whose index is, by a commit behind the one that was read.
        return false
    }
  }

  async #read(): Promise<Current | undefined> {
    const { metadata } = this.#work
    const row = await metadata.get(lifecycleProgressKey(this.#bucketId))
    if (row === undefined) return undefined

    const { bucket, ...progress } = decodeLifecycleProgress(row.value)
    this.#name = bucket
    const found = await metadata.get(bucketKey(bucket))
    const record = found && decodeBucketRecord(found.value)
    // What is left of the index of a bucket that was deleted.
    const state = record?.id.equals(this.#bucketId) === true ? record.timeIndex : 'clearing'
    return { bucket, bucketId: this.#bucketId, ...progress, state }
  }

  async #build({ bucket, bucketId, revision, built }: Current): Promise<boolean> {
    const { committer, signal } = this.#work
    const range = objectRange(bucketId, nothing)
    let next = built.length === 0 ? range.gte : behind(objectKey(bucketId, built))
    while (!signal.aborted) {
      const rowKeys = await this.#paced(async () => {
        const entries = await readRange(this.#work, { gte: next, lt: range.lt }, this.#stepSize)
        const keys = entries.map(({ key }) => key)
        const step = { bucket, bucketId, revision, rowKeys: keys }
        this.#note(await committer.mutate('buildTimeIndex', step))
        return keys
      })
      const last = rowKeys.at(-1)
      if (last === undefined) return true
      this.#figures.indexed += rowKeys.length
      next = behind(last)
    }
    return false
  }

  async #clear({ bucket, bucketId, revision }: Current): Promise<boolean> {
    const { committer, signal } = this.#work
    const range = timeIndexRange(bucketId)
    let next = range.gte
    while (!signal.aborted) {
      const indexKeys = await this.#paced(async () => {
        const entries = await readRange(this.#work, { gte: next, lt: range.lt }, this.#stepSize)
        const keys = entries.map(({ key }) => key)
        await committer.mutate('clearTimeIndex', { bucket, bucketId, revision, indexKeys: keys })
        return keys
      })
      const last = indexKeys.at(-1)
      if (last === undefined) return true
      next = behind(last)
    }
    return false
  }

  async #apply(current: Current): Promise<void> {
    const row = await this.#work.metadata.get(lifecycleKey(this.#bucketId))
    const plan = new LifecyclePlan(row === undefined ? [] : decodeLifecycleRecord(row.value))
    const conditions = conditionsDue(plan, this.#work.now())
    for (const condition of conditions) {
      if (this.#work.signal.aborted) return
      await this.#visit(current, plan, condition, conditions)
    }
  }

  /** Visits what has become due by one condition since the last visit. */
  async #visit(
    current: Current,
    plan: LifecyclePlan,
    condition: LifecycleCondition,
    keep: readonly LifecycleCondition[]
  ): Promise<void> {
    const { bucket, bucketId, revision, cursors } = current
    const { committer, signal, now } = this.#work
    const started = now()
    const uploadedMax =
      condition.kind === 'age' ? started - condition.seconds * 1000 : Number.MAX_SAFE_INTEGER - 1
    const settled = timeIndexPosition(Math.max(0, started - settledMs), nothing)
    const end = earlierOf(timeIndexPosition(uploadedMax + 1, nothing), settled)
    const known =
      cursors.find(each => isSameCondition(each.condition, condition))?.position ?? nothing
    let noted = earlierOf(known, end)
    let after = noted

    for (let idleStepCount = 0; !signal.aborted; idleStepCount++) {
      const range = timeIndexRange(bucketId, { after, uploadedMax })
      const entries = await readRange(this.#work, range, this.#stepSize)
      this.#figures.visited += entries.length
      const last = entries.at(-1)
      if (last !== undefined) after = parseTimeIndexKey(last.key).position
      const isEnd = entries.length < this.#stepSize
      const position = isEnd ? end : earlierOf(after, settled)
      const { expire, transition } = sort(plan, bucketId, entries, started)

      const isIdle = expire.length + transition.length === 0
      const isWorthNoting =
        idleStepCount >= idleStepCountMax ||
        (isEnd && (last === undefined ? hasMovedOn(noted, position) : !noted.equals(position)))
      if (!isIdle || isWorthNoting) {
        const cursor = { condition, position }
        const step = { bucket, bucketId, revision, expire, transition, cursor, keep: [...keep] }
        const done = await this.#paced(() =>
          committer.mutate('applyLifecycle', { ...step, now: now() })
        )
        this.#note(done)
        this.#figures.expired += done.expired
        this.#figures.transitioned += done.transitioned
        noted = position
        idleStepCount = 0
      }
      if (isEnd) return
      await nextTurn()
    }
  }

  #note({ unreadable: [first, ...others] }: Unreadable): void {
    if (first === undefined) return

    const message = `The row of an object does not decode: ${first.toString('hex')}, and ${others.length} more`
    this.#work.onError(this.#name, new R2dError('R2D_CORRUPT_RECORD', message))
  }

  /** Rests as long as the step took: at most half of the committer's time goes into this. */
  async #paced<T>(step: () => Promise<T>): Promise<T> {
    const started = performance.now()
    const result = await step()
    await delay(performance.now() - started)
    return result
  }
}

/** A part of the index that is empty is not passed over again and again: what was deleted there costs, too. */
function hasMovedOn(from: Buffer, to: Buffer): boolean {
  const timeOf = (position: Buffer): number =>
    position.length === 0 ? 0 : Number(position.readBigUInt64BE(0))

  return timeOf(to) - timeOf(from) >= lagMax
}

/** Those that something can be due by. Of the dates that have passed the last is enough: what is visited is asked about all rules. */
function conditionsDue({ conditions }: LifecyclePlan, now: number): LifecycleCondition[] {
  const ages = conditions.filter(each => each.kind === 'age' && each.seconds * 1000 <= now)
  const dates = conditions.filter(each => each.kind === 'date')
  const passed = dates.map(({ time }) => time).filter(time => time <= now)
  return passed.length === 0 ? ages : [...ages, { kind: 'date', time: Math.max(...passed) }]
}

function sort(
  plan: LifecyclePlan,
  bucketId: Buffer,
  entries: readonly Entry[],
  now: number
): { expire: DueObject[]; transition: DueObject[] } {
  const found: { expire: DueObject[]; transition: DueObject[] } = { expire: [], transition: [] }
  for (const entry of entries) {
    const { uploaded, key } = parseTimeIndexKey(entry.key)
    const action = plan.due(key, uploaded, now)
    if (action !== undefined) found[action].push({ rowKey: objectKey(bucketId, key), uploaded })
  }
  return found
}

async function readRange(
  { metadata }: LifecycleWork,
  range: Range,
  count: number
): Promise<Entry[]> {
  await using cursor = metadata.scan(range)
  return await cursor.read(count)
}

function behind(key: Buffer): Buffer {
  return Buffer.concat([key, Buffer.alloc(1)])
}

function earlierOf(a: Buffer, b: Buffer): Buffer {
  return Buffer.compare(a, b) <= 0 ? a : b
}
