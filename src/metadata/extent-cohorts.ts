/**
 * Small extents on their way to the volumes, in step: all that wait are written as one cohort, and committed as one.
 *
 * Each group that syncs costs the same whatever is in it, so few large ones are wanted. Left to themselves, writes and commits
 * split up: each starts as soon as its own file or engine is free, with the few that have come by then. Here a cohort is
 * handed to the group committer whole, and while that syncs the log, the next cohort's data is being synced.
 *
 *     cohort n      | write, sync data |  commit  |
 *     cohort n + 1                     | write, sync data |  commit  |
 */

import type { ExtentWriter } from '../storage/extent-writer.ts'
import type { Replica } from '../storage/replica.ts'
import type { PendingExtent } from './committer.ts'

/** Extents in one cohort: bounds the time that the first of them waits for the last. */
const cohortCountMax = 1024

interface Waiting {
  pending: PendingExtent
  written: (replicas: Replica[]) => void
  failed: (error: unknown) => void
}

type Outcome = { replicas: Replica[] } | { error: unknown }

export class ExtentCohorts {
  readonly #writer: ExtentWriter
  #waiting: Waiting[] = []
  #isRunning = false

  constructor(writer: ExtentWriter) {
    this.#writer = writer
  }

  /**
   * Durable on every replica when it resolves. Those of one cohort resolve in one turn, so that what their callers commit
   * then is one group.
   */
  write(pending: PendingExtent): Promise<Replica[]> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ pending, written: resolve, failed: reject })
      if (this.#isRunning) return

      this.#isRunning = true
      // After this turn's messages, which may bring more.
      setImmediate(() => void this.#run())
    })
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      const cohort = this.#waiting.splice(0, cohortCountMax)
      const outcomes = await Promise.all(cohort.map(({ pending }) => this.#write(pending)))
      for (const [index, { written, failed }] of cohort.entries()) {
        const outcome = outcomes[index]
        if (outcome !== undefined && 'replicas' in outcome) written(outcome.replicas)
        else failed(outcome?.error)
      }
    }
    this.#isRunning = false
  }

  async #write({ extent, policy }: PendingExtent): Promise<Outcome> {
    try {
      return { replicas: await this.#writer.write(extent, policy) }
    } catch (error) {
      return { error }
    }
  }
}
