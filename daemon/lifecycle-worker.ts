/**
 * Carries out lifecycle rules, in the main thread: a round at the start, one each interval, and one at once when the
 * configuration of any bucket changes.
 */

import { AssertionError } from 'node:assert'
import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from 'pino'
import { R2dError } from '../src/errors.ts'
import type { Committer } from '../src/metadata/committer.ts'
import type { ConfigurationEpoch } from '../src/metadata/configuration-epoch.ts'
import type { MetadataReader } from '../src/objects/context.ts'
import { runLifecycleRound } from '../src/objects/lifecycle-work.ts'

/** Between rounds at least, milliseconds: buckets may be made by the thousand. */
const pauseMs = 100

export interface LifecycleWorkerOptions {
  metadata: MetadataReader
  committer: Committer
  epoch: ConfigurationEpoch
  intervalMs: number
  log: Logger
  /** A bug: the process is to stop. */
  onFatal: (error: Error) => void
}

export class LifecycleWorker {
  readonly #options: LifecycleWorkerOptions
  readonly #stopping = new AbortController()
  readonly #running: Promise<void>

  constructor(options: LifecycleWorkerOptions) {
    this.#options = options
    this.#running = this.#run()
  }

  /** The step that is under way is done on return, and none follows. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#running
  }

  async #run(): Promise<void> {
    const { epoch, intervalMs } = this.#options
    const { signal } = this.#stopping
    const stopped = new Promise<void>(resolve => {
      signal.addEventListener('abort', () => {
        resolve()
      })
    })

    // One wait for a change at a time: those that the interval overtook would add up.
    let change: Promise<void> | undefined
    while (!signal.aborted) {
      const seen = epoch.current
      change ??= epoch.changed(seen).then(() => {
        change = undefined
      })
      await this.#round()
      const interval = new AbortController()
      const due = delay(intervalMs, undefined, interval).catch(() => undefined)
      await Promise.race([change, due, stopped])
      interval.abort()
      await Promise.race([delay(pauseMs), stopped])
    }
  }

  async #round(): Promise<void> {
    const { metadata, committer, log, onFatal } = this.#options
    try {
      const figures = await runLifecycleRound({
        metadata,
        committer,
        now: Date.now,
        signal: this.#stopping.signal,
        onError: (bucket, error) => {
          log.error(
            { bucket, error: reasonOf(error) },
            "a bucket's lifecycle rules were not applied"
          )
        }
      })
      const { expired, transitioned, indexed, aborted } = figures
      if (expired + transitioned + indexed + aborted > 0)
        log.info(figures, 'lifecycle rules were applied')
    } catch (error) {
      if (error instanceof AssertionError) {
        onFatal(error)
        return
      }
      // The next round starts from what is there then.
      const isExpected = error instanceof R2dError && error.code === 'R2D_UNAVAILABLE'
      log[isExpected ? 'warn' : 'error']({ error: reasonOf(error) }, 'lifecycle rules wait')
    }
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
