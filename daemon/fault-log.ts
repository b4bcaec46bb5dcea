/**
 * What volumes did wrong since the start: how often each, and the latest.
 */

import type { FaultReport } from './thread-messages.ts'

const keptCountMax = 100

export class FaultLog {
  #count = 0
  readonly #byVolume = new Map<number, number>()
  readonly #latest: (FaultReport & { time: number })[] = []

  add(fault: FaultReport): void {
    this.#count++
    this.#byVolume.set(fault.volume, this.ofVolume(fault.volume) + 1)
    this.#latest.push({ ...fault, time: Date.now() })
    if (this.#latest.length > keptCountMax) this.#latest.shift()
  }

  get count(): number {
    return this.#count
  }

  ofVolume(volume: number): number {
    return this.#byVolume.get(volume) ?? 0
  }

  /** Newest last. */
  get latest(): readonly (FaultReport & { time: number })[] {
    return this.#latest
  }
}
