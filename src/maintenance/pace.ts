/**
 * Bounds how many bytes a second a kind of background work reads.
 *
 * Whoever takes bytes waits until those that were taken before are paid for. Time in which nothing was taken is not saved
 * up: after a pause there is no burst.
 */

import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'

export class Pace {
  readonly #bytesPerMs: number
  readonly #now: () => number
  /** When all that was taken is paid for, on the clock of `now`. */
  #paid = 0

  /** `now`: milliseconds, never backwards. */
  constructor(bytesPerSecond: number, now: () => number = () => performance.now()) {
    assert(bytesPerSecond > 0)
    this.#bytesPerMs = bytesPerSecond / 1000
    this.#now = now
  }

  /** Milliseconds to wait for before these bytes may be read: for those who wait themselves. */
  reserve(bytes: number): number {
    const now = this.#now()
    const start = Math.max(this.#paid, now)
    this.#paid = start + bytes / this.#bytesPerMs
    return start - now
  }

  /** Resolves when these bytes may be read, or at once when the signal is aborted. */
  async take(bytes: number, signal: AbortSignal): Promise<void> {
    const wait = this.reserve(bytes)
    // A timer has a resolution of a millisecond: what is less adds up in `#paid`.
    if (wait >= 1) await delay(wait, undefined, { signal }).catch(() => undefined)
  }
}
