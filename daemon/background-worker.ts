/**
 * Runs one kind of background work in the main thread: a round at the start, one each interval, and one at once when
 * there is a reason.
 *
 * A round that fails is logged, and the next one starts from what is there then: every step of the work is a commit
 * of its own that may be repeated. A failed assertion is a bug, and stops the process before it spreads.
 */

import { AssertionError } from 'node:assert'
import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from 'pino'
import { R2dError } from '../src/errors.ts'

/** Between rounds at least, milliseconds: reasons may come by the thousand. */
const pauseMs = 100

export interface BackgroundWork {
  /** As the log and the status name it. */
  name: string
  /** From the end of a round to the next one, milliseconds. */
  intervalMs: number
  /** Does what there is to do now. It ends after the step that is under way once the signal is aborted. */
  round: (signal: AbortSignal) => Promise<void>
  /** Called before a round; resolves when there is a reason for another one. */
  changed?: () => Promise<void>
}

export interface BackgroundOptions {
  log: Logger
  /** A bug: the process is to stop. */
  onFatal: (error: Error) => void
}

export class BackgroundWorker {
  readonly #work: BackgroundWork
  readonly #options: BackgroundOptions
  readonly #stopping = new AbortController()
  readonly #running: Promise<void>
  #woken = Promise.withResolvers<undefined>()

  constructor(work: BackgroundWork, options: BackgroundOptions) {
    this.#work = work
    this.#options = options
    this.#running = this.#run()
  }

  get name(): string {
    return this.#work.name
  }

  /** A round follows the one that is under way, or starts if there is none. */
  wake(): void {
    this.#woken.resolve(undefined)
  }

  /** The step that is under way is done on return, and none follows. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#running
  }

  async #run(): Promise<void> {
    const { intervalMs, changed } = this.#work
    const { signal } = this.#stopping
    const stopped = new Promise<void>(resolve => {
      signal.addEventListener('abort', () => {
        resolve()
      })
    })

    // One wait for a change at a time: those that the interval overtook would add up.
    let change: Promise<void> | undefined
    while (!signal.aborted) {
      this.#woken = Promise.withResolvers<undefined>()
      change ??= changed?.().then(() => {
        change = undefined
      })
      await this.#round()
      const interval = new AbortController()
      const due = delay(intervalMs, undefined, interval).catch(() => undefined)
      const reasons = change === undefined ? [] : [change]
      await Promise.race([this.#woken.promise, due, stopped, ...reasons])
      interval.abort()
      await Promise.race([delay(pauseMs), stopped])
    }
  }

  async #round(): Promise<void> {
    const { log, onFatal } = this.#options
    const { name } = this.#work
    try {
      await this.#work.round(this.#stopping.signal)
    } catch (error) {
      if (error instanceof AssertionError) {
        onFatal(error)
        return
      }
      const isExpected = error instanceof R2dError && error.code === 'R2D_UNAVAILABLE'
      log[isExpected ? 'warn' : 'error']({ work: name, error: reasonOf(error) }, `${name}: waits`)
    }
  }
}

export function reasonOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
