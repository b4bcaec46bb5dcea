/**
 * Repair as it goes on: where its work comes from, in which order it is done, and what has become of it.
 *
 *     1. extents that a read met a bad replica of, as they come: they are asked for between all others
 *     2. extents with a repair row: writes that went on degraded, what scrub found, what could not be repaired before
 *     3. all extents, once whenever what the volumes count for has changed: a volume has been failed for a while, drains,
 *        is lost, comes back; or a location is to keep more replicas
 *
 * Of 2 and 3 those with the fewest replicas come first. Nothing of it is held in memory but counts and a bounded queue: a
 * process that is killed finds its work again in the rows.
 */

import type { Committer } from '../metadata/committer.ts'
import type { Engine } from '../metadata/engine.ts'
import type { OperationRegister } from '../metadata/operation-register.ts'
import type { ExtentWriter } from '../storage/extent-writer.ts'
import type { VolumeSet } from '../storage/volume-set.ts'
import { Pace } from './pace.ts'
import {
  lackingPages,
  notedPages,
  type Counting,
  type RepairCandidate
} from './repair-candidates.ts'
import { repairExtent, type RepairOutcome } from './repair-extent.ts'
import { RepairQueue } from './repair-queue.ts'
import { RepairRate } from './repair-rate.ts'
import { isHome, readTargets } from './replica-standing.ts'

/** Extents being repaired at once: each holds one record, or two while it compares. */
const laneCount = 8

/** How long what could not be repaired waits, milliseconds, while nothing has changed: from, doubling, to. */
const retryMsMin = 5_000
const retryMsMax = 600_000

export interface RepairsOptions {
  metadata: Pick<Engine, 'get' | 'getMany' | 'scan'>
  committer: Pick<Committer, 'mutate'>
  volumes: VolumeSet
  writer: Pick<ExtentWriter, 'copy'>
  /** Writes of this thread. */
  writes: Pick<OperationRegister, 'begin'>
  /** Bytes of replicas read. */
  bytesPerSecond: number
  /** How long a volume has failed before what is on it is copied elsewhere, milliseconds. */
  failedDelayMs: number
  /** Milliseconds since the epoch. */
  now: () => number
  /** No replica of the extent is right. */
  onLost: (extentId: Buffer, reasons: readonly string[]) => void
}

export interface RepairFigures {
  /** Extents that are known not to be whole, and the bytes that are to be copied for them. */
  extents: number
  bytes: number
  /** Of those that were looked at last, the ones without any right replica. */
  lost: number
  /** Extents that reads met a bad replica of, and that are not looked at yet. */
  queued: number
  /** Since the start: extents that were made whole, and bytes copied. */
  repairedExtents: number
  repairedBytes: number
  /** Bytes a second, of late. */
  rate: number
  /** Until all are whole, at that rate; undefined where there is none, or where it does not get better by itself. */
  secondsLeft: number | undefined
}

interface Pending {
  extents: number
  bytes: number
  lost: number
}

interface Task extends RepairCandidate {
  /** What is told of the outcome; undefined for what a read met. */
  pending: Pending | undefined
}

export class Repairs {
  readonly queue = new RepairQueue()
  readonly #options: RepairsOptions
  readonly #pace: Pace
  readonly #rate = new RepairRate()
  readonly #underWay = new Set<string>()
  readonly #failedSince = new Map<number, number>()
  #noted: Pending = none()
  #lacking: Pending = none()
  #repairedExtents = 0
  #repairedBytes = 0
  /** What replicas counted for, and where copies could go, at the last pass of each kind. */
  #notedPlaces = ''
  #lackingPlaces = ''
  #lackingCounts = ''
  #notedDue = 0
  #notedDelay = retryMsMin
  #lackingDue = 0

  constructor(options: RepairsOptions) {
    this.#options = options
    this.#pace = new Pace(options.bytesPerSecond)
  }

  get figures(): RepairFigures {
    const [extents, bytes] = [
      this.#noted.extents + this.#lacking.extents,
      this.#noted.bytes + this.#lacking.bytes
    ]
    const rate = this.#rate.current
    const isWaiting = this.#underWay.size === 0 && extents > 0
    const secondsLeft = extents === 0 ? 0 : rate === 0 || isWaiting ? undefined : bytes / rate
    return {
      extents,
      bytes,
      lost: this.#noted.lost + this.#lacking.lost,
      queued: this.queue.size,
      repairedExtents: this.#repairedExtents,
      repairedBytes: this.#repairedBytes,
      rate,
      secondsLeft
    }
  }

  /** What has a repair row is looked at again in the next round, however often that was in vain. */
  expect(): void {
    this.#notedDue = 0
    this.#notedDelay = retryMsMin
  }

  /** Does what there is to do now. Rejects if the metadata cannot be read or written. */
  async round(signal: AbortSignal): Promise<void> {
    const tasks = this.#tasks(signal)
    const state = { hasFailed: false }
    const lane = async (): Promise<void> => {
      while (!state.hasFailed && !signal.aborted) {
        const next = await tasks.next()
        if (next.done === true) return
        await this.#repair(next.value, signal)
      }
    }
    const lanes = Array.from({ length: laneCount }, async () => {
      try {
        await lane()
      } catch (error) {
        state.hasFailed = true
        throw error
      }
    })
    const results = await Promise.allSettled(lanes)
    await tasks.return()
    const failure = results.find(result => result.status === 'rejected')
    if (failure !== undefined) throw failure.reason
  }

  async *#tasks(signal: AbortSignal): AsyncGenerator<Task, void, undefined> {
    yield* this.#queued()
    const { metadata, now } = this.#options
    const counting = await this.#counting()
    const { counts, places } = describe(counting)

    if (places !== this.#notedPlaces || now() >= this.#notedDue) {
      if (places !== this.#notedPlaces) this.#notedDelay = retryMsMin
      this.#notedPlaces = places
      const before = this.#repairedExtents
      this.#noted = none()
      yield* this.#byRisk(() => notedPages(metadata, counting, signal), this.#noted)
      // What was not made whole now will not be by the same means: it is tried again less and less often.
      this.#notedDelay =
        this.#repairedExtents > before ? retryMsMin : Math.min(2 * this.#notedDelay, retryMsMax)
      this.#notedDue = this.#noted.extents === 0 ? 0 : now() + this.#notedDelay
    }

    const isRetry = places !== this.#lackingPlaces || now() >= this.#lackingDue
    if (counts !== this.#lackingCounts || (this.#lacking.extents > 0 && isRetry)) {
      this.#lacking = none()
      yield* this.#byRisk(() => lackingPages(metadata, counting, signal), this.#lacking)
      if (signal.aborted) return
      this.#lackingCounts = counts
      this.#lackingPlaces = places
      this.#lackingDue = now() + retryMsMax
    }
  }

  /** Goes over the pages once to count, and then once for each number of replicas that are left, the smallest first. */
  async *#byRisk(
    pages: () => AsyncGenerator<RepairCandidate[], void, undefined>,
    pending: Pending
  ): AsyncGenerator<Task, void, undefined> {
    const degrees = new Set<number>()
    for await (const page of pages()) {
      yield* this.#queued()
      for (const { left, bytes } of page) {
        degrees.add(left)
        pending.extents++
        pending.bytes += bytes
      }
    }

    for (const degree of [...degrees].sort((a, b) => a - b)) {
      for await (const page of pages()) {
        yield* this.#queued()
        for (const candidate of page) {
          if (candidate.left === degree) yield { ...candidate, pending }
        }
      }
    }
  }

  *#queued(): Generator<Task, void, undefined> {
    for (let id = this.queue.take(); id !== undefined; id = this.queue.take()) {
      yield { extentId: id, left: 0, bytes: 0, queued: undefined, pending: undefined }
    }
  }

  async #repair(task: Task, signal: AbortSignal): Promise<void> {
    const { extentId } = task
    const name = extentId.toString('latin1')
    if (this.#underWay.has(name)) return

    this.#underWay.add(name)
    try {
      const take = (bytes: number): Promise<void> => this.#pace.take(bytes, signal)
      const outcome = await repairExtent({ ...this.#options, take }, extentId)
      // Changed again and again: whoever changes it is at work on it.
      if (outcome !== undefined) await this.#settle(task, outcome)
    } finally {
      this.#underWay.delete(name)
    }
  }

  async #settle(task: Task, outcome: RepairOutcome): Promise<void> {
    const { committer, now, onLost } = this.#options
    const { extentId, queued, pending } = task
    if ('bytes' in outcome) {
      this.#repairedBytes += outcome.bytes
      this.#rate.add(outcome.bytes)
    }
    switch (outcome.kind) {
      case 'repaired':
        this.#repairedExtents++
        count(pending, task)
        break
      case 'gone':
      case 'whole':
        if (queued !== undefined) await committer.mutate('settleRepair', { extentId, queued })
        count(pending, task)
        break
      case 'lost':
        onLost(extentId, outcome.reasons)
        if (pending !== undefined) pending.lost++
        else await committer.mutate('noteRepairs', { extentIds: [extentId], now: now() })
        break
      case 'short':
        if (pending === undefined)
          await committer.mutate('noteRepairs', { extentIds: [extentId], now: now() })
        break
    }
  }

  /** A volume that has failed counts for a while longer: it may come back, and copying it takes hours. */
  async #counting(): Promise<Counting> {
    const { metadata, volumes, failedDelayMs, now } = this.#options
    const counted = new Set<number>()
    for (const volume of volumes.all()) {
      const { number, state } = volume
      if (state !== 'failed') this.#failedSince.delete(number)
      else if (!this.#failedSince.has(number)) this.#failedSince.set(number, now())

      const failedSince = this.#failedSince.get(number)
      const isWaiting = failedSince !== undefined && now() - failedSince < failedDelayMs
      if (isHome(volume) || (volume.recorded === 'active' && isWaiting)) counted.add(number)
    }
    const targets = await readTargets(metadata)
    return { volumes, targets, isCounted: number => counted.has(number) }
  }
}

/**
 * Texts that are others whenever a pass over the rows may find something that it did not find before: `counts`, because
 * replicas count that did not, or the other way round; `places`, because copies have other places to go to, too.
 */
function describe({ volumes, targets, isCounted }: Counting): { counts: string; places: string } {
  const all = volumes.all()
  const counted = all.map(({ number }) => `${number} ${isCounted(number)}`)
  const counts = [...counted, ...[...targets].flat()].join()
  const active = all.filter(({ state }) => state === 'active').map(({ number }) => number)
  return { counts, places: `${counts}; ${active.join()}` }
}

function none(): Pending {
  return { extents: 0, bytes: 0, lost: 0 }
}

/** One less is pending. */
function count(pending: Pending | undefined, { bytes }: Task): void {
  if (pending === undefined) return

  // One that came after the counting was not counted.
  pending.extents = Math.max(0, pending.extents - 1)
  pending.bytes = Math.max(0, pending.bytes - bytes)
}
