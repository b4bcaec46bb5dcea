/**
 * Takes back the references of what was replaced or deleted: round by round, over the discard rows.
 *
 * A discard row is taken only when no read is left that began before it was seen, so that a reader keeps what it is
 * reading. What it then frees is told, for the account of dead bytes. Every step is one bounded commit; a process that is
 * killed leaves the rest of the work in the rows.
 *
 * Discards stand in the order of their time. A round begins a little before the end of the one before it: what was released in
 * front of that is not passed over again, and costs nothing.
 */

import { setTimeout as delay } from 'node:timers/promises'
import type { Committer } from '../metadata/committer.ts'
import type { Engine } from '../metadata/engine.ts'
import { discardRange } from '../metadata/keys.ts'
import type { FreedRecord } from '../metadata/mutations/release.ts'
import type { OperationEpochs } from '../metadata/operation-register.ts'
import { atHalfTime } from './at-half-time.ts'

/** Discard rows that wait for their readers together. */
const batchCount = 10_000

/** Discard rows, and references that are taken back, in one commit: what others may have to wait behind. */
const stepRowCount = 64
const stepReferenceCount = 256

/** A discard's time is taken before its commit, and clocks are set: a round begins so much earlier, milliseconds. */
const settledMs = 5 * 60_000
/** How often a round begins at the first discard all the same. */
const wholeRoundMs = 60 * 60_000

/** How often the readers are looked at, milliseconds. */
const readerPollMs = 20
/**
 * Who reads a deleted object for longer than this, milliseconds, may be cut off: otherwise one reader that does not
 * move would keep all space from coming back.
 */
const readerWaitMsMaxDefault = 60 * 60_000

export interface ReleaseWork {
  metadata: Pick<Engine, 'scan'>
  committer: Pick<Committer, 'mutate'>
  reads: OperationEpochs
  /** Records that no row names any more; their rows are gone, durably. */
  onFreed: (records: readonly FreedRecord[]) => void
  /** A commit's outcome was not heard: what it freed is not known. */
  onUnheard: () => void
  /** Milliseconds since the epoch. */
  now: () => number
  readerWaitMsMax?: number
}

export interface ReleaseFigures {
  discards: number
  references: number
  extents: number
  pages: number
  /** References to rows that are not there: a fault of the metadata. */
  missing: number
}

export class Releaser {
  readonly #work: ReleaseWork
  /** Where the next round begins, milliseconds since the epoch. */
  #from = 0
  #wholeRound = -Infinity

  constructor(work: ReleaseWork) {
    this.#work = work
  }

  /** One round: all discards that are there. Rejects if the metadata cannot be read or written. */
  async round(signal: AbortSignal): Promise<ReleaseFigures> {
    const figures = { discards: 0, references: 0, extents: 0, pages: 0, missing: 0 }
    const started = this.#work.now()
    const isWhole = started - this.#wholeRound >= wholeRoundMs || started < this.#wholeRound
    const range = discardRange(isWhole ? 0 : this.#from)
    for (;;) {
      const rowKeys = await this.#read(range)
      const last = rowKeys.at(-1)
      if (last === undefined) break

      await this.#letReadersGo(signal)
      for (let first = 0; first < rowKeys.length; first += stepRowCount) {
        const step = rowKeys.slice(first, first + stepRowCount)
        if (!(await this.#release(step, figures, signal))) return figures
        figures.discards += step.length
      }
      range.gte = Buffer.concat([last, Buffer.alloc(1)])
    }

    this.#from = Math.max(0, started - settledMs)
    if (isWhole) this.#wholeRound = started
    return figures
  }

  async #read(range: { gte: Buffer; lt: Buffer }): Promise<Buffer[]> {
    await using cursor = this.#work.metadata.scan(range)
    const entries = await cursor.read(batchCount)
    return entries.map(({ key }) => key)
  }

  /** Until every read has ended that began before this was called. */
  async #letReadersGo(signal: AbortSignal): Promise<void> {
    const { reads, readerWaitMsMax = readerWaitMsMaxDefault } = this.#work
    const epoch = reads.advance()
    const started = performance.now()
    while (!reads.isPast(epoch) && !signal.aborted) {
      if (performance.now() - started > readerWaitMsMax) return
      await delay(readerPollMs)
    }
  }

  /** Whether it was done, and not ended by the signal. */
  async #release(
    rowKeys: Buffer[],
    figures: ReleaseFigures,
    signal: AbortSignal
  ): Promise<boolean> {
    const { committer, onFreed, onUnheard } = this.#work
    for (;;) {
      if (signal.aborted) return false
      let released
      try {
        released = await atHalfTime(() =>
          committer.mutate('releaseDiscards', { rowKeys, countMax: stepReferenceCount })
        )
      } catch (error) {
        onUnheard()
        throw error
      }
      onFreed(released.freed)
      figures.references += released.references
      figures.extents += released.extents
      figures.pages += released.pages
      figures.missing += released.missing
      if (released.isDone) return true
    }
  }
}
