/**
 * Extents that somebody met a bad replica of, in the order in which they were met, each once.
 *
 * In memory and bounded: what is dropped, or forgotten by a kill, is met again by the next read or the next scrub.
 */

/** Ids of 16 bytes with what a Set takes for each: a few MiB at most. */
const countMaxDefault = 20_000

export class RepairQueue {
  readonly #ids = new Set<string>()
  readonly #countMax: number
  /** Called when there is something to take. */
  onAdd: () => void = () => undefined

  constructor(countMax = countMaxDefault) {
    this.#countMax = countMax
  }

  get size(): number {
    return this.#ids.size
  }

  /** False if the queue is full. */
  add(extentId: Buffer): boolean {
    const id = extentId.toString('latin1')
    if (this.#ids.size >= this.#countMax && !this.#ids.has(id)) return false

    this.#ids.add(id)
    this.onAdd()
    return true
  }

  take(): Buffer | undefined {
    const [first] = this.#ids
    if (first === undefined) return undefined

    this.#ids.delete(first)
    return Buffer.from(first, 'latin1')
  }
}
