/**
 * Bytes a second of late: over the last seconds in which there was anything.
 */

/** Seconds that are looked back on. */
const windowSeconds = 10

export class RepairRate {
  /** By second. */
  readonly #bytes = new Map<number, number>()
  readonly #now: () => number

  /** `now`: milliseconds, never backwards. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now
  }

  add(bytes: number): void {
    const second = Math.floor(this.#now() / 1000)
    this.#bytes.set(second, (this.#bytes.get(second) ?? 0) + bytes)
    this.#forget(second)
  }

  get current(): number {
    const second = Math.floor(this.#now() / 1000)
    this.#forget(second)
    const [oldest] = this.#bytes.keys()
    if (oldest === undefined) return 0

    let sum = 0
    for (const bytes of this.#bytes.values()) sum += bytes
    return sum / (second - oldest + 1)
  }

  #forget(second: number): void {
    for (const each of this.#bytes.keys()) {
      if (each > second - windowSeconds) break
      this.#bytes.delete(each)
    }
  }
}
