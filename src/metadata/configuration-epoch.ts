/**
 * A number that all threads of the process share, and that grows with every commit of a bucket or an access key.
 *
 * What was read of those is still so while the number is the same: a request need not read their rows again. The
 * committer counts it up after the commit is durable and before anybody is told, so that whoever begins after the
 * acknowledgement sees the new number. It holds within one process: an engine that other processes write to needs
 * another way to know.
 */

export class ConfigurationEpoch {
  /** Handed to other threads, which make their own object of it. */
  readonly memory: SharedArrayBuffer
  readonly #value: Int32Array

  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(4)) {
    this.memory = memory
    this.#value = new Int32Array(memory)
  }

  /** To be read before the row that it is remembered with. */
  get current(): number {
    return Atomics.load(this.#value, 0)
  }

  advance(): void {
    Atomics.add(this.#value, 0, 1)
    Atomics.notify(this.#value, 0)
  }

  /** Resolves once the number is another than `seen`. */
  async changed(seen: number): Promise<void> {
    while (this.current === seen) {
      await Atomics.waitAsync(this.#value, 0, seen).value
    }
  }
}
