/**
 * Which reads are under way, in memory that all threads of the process share: what is deleted is released only when no read
 * is left that began while it was there.
 *
 * Time here is a number that the releasing side counts up. A thread keeps the number at which the oldest of its reads
 * began; a read enters before it reads a row. So once every thread's number is beyond the one at which a discard
 * row was seen, whoever still reads has read the rows after the deletion. No clock takes part in it.
 *
 *     word 0        the current number, from 1
 *     word 1 + n    of thread n: the number of its oldest read, 0 if it has none
 */

import assert from 'node:assert/strict'

/** The releasing side, in the main thread. */
export class ReadEpochs {
  /** Handed to the threads. */
  readonly memory: SharedArrayBuffer
  readonly #words: Int32Array

  constructor(threadCount: number) {
    assert(threadCount >= 1)
    this.memory = new SharedArrayBuffer(4 * (1 + threadCount))
    this.#words = new Int32Array(this.memory)
    Atomics.store(this.#words, 0, 1)
  }

  /** Begins another number, and gives the one before: that of reads that may have seen what is there now. */
  advance(): number {
    return Atomics.add(this.#words, 0, 1)
  }

  /** Whether every read that began at this number or before has ended. */
  isPast(epoch: number): boolean {
    for (let word = 1; word < this.#words.length; word++) {
      const oldest = Atomics.load(this.#words, word)
      if (oldest !== 0 && oldest <= epoch) return false
    }
    return true
  }

  /** The thread has ended, and its reads with it. */
  clear(thread: number): void {
    Atomics.store(this.#words, 1 + thread, 0)
  }
}

/** The reads of one thread. */
export class ReadRegister {
  readonly #words: Int32Array
  readonly #word: number
  /** In the order in which they began. */
  readonly #underWay = new Set<{ epoch: number }>()

  constructor(memory: SharedArrayBuffer, thread: number) {
    this.#words = new Int32Array(memory)
    this.#word = 1 + thread
    assert(this.#word < this.#words.length)
    Atomics.store(this.#words, this.#word, 0)
  }

  /** To be called before the first row is read. The result ends the read; called again, it does nothing. */
  begin(): () => void {
    const read = { epoch: Atomics.load(this.#words, 0) }
    if (this.#underWay.size === 0) Atomics.store(this.#words, this.#word, read.epoch)
    this.#underWay.add(read)
    return () => {
      this.#end(read)
    }
  }

  #end(read: { epoch: number }): void {
    const [before] = this.#underWay
    if (!this.#underWay.delete(read) || before !== read) return

    const [oldest] = this.#underWay
    Atomics.store(this.#words, this.#word, oldest?.epoch ?? 0)
  }
}
