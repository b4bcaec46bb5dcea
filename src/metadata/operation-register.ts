/**
 * Which operations are under way, in memory that all threads of the process share. There are two registers: of reads, so that
 * what is deleted is released only when no read is left that began while it was there; and of writes, so that a record
 * without a row is dead only when no write is left that may still be about to refer to it.
 *
 * Time here is a number that the waiting side counts up. A thread keeps the number at which the oldest of its operations
 * began; a read enters before it reads a row, a write before it appends a record. So once every thread's number is
 * beyond the one at which something was seen, all that began before that has ended. No clock takes part in it.
 *
 *     word 0        the current number, from 1
 *     word 1 + n    of thread n: the number of its oldest operation, 0 if it has none
 */

import assert from 'node:assert/strict'

/** The waiting side, in the main thread. */
export class OperationEpochs {
  /** Handed to the threads. */
  readonly memory: SharedArrayBuffer
  readonly #words: Int32Array
  /** Of threads that have ended, while what they asked for may still happen. */
  readonly #orphans = new Set<{ epoch: number }>()

  constructor(threadCount: number) {
    assert(threadCount >= 1)
    this.memory = new SharedArrayBuffer(4 * (1 + threadCount))
    this.#words = new Int32Array(this.memory)
    Atomics.store(this.#words, 0, 1)
  }

  /** Begins another number, and gives the one before: that of operations that have begun by now. */
  advance(): number {
    return Atomics.add(this.#words, 0, 1)
  }

  /** Whether every operation that began at this number or before has ended. */
  isPast(epoch: number): boolean {
    for (let word = 1; word < this.#words.length; word++) {
      const oldest = Atomics.load(this.#words, word)
      if (oldest !== 0 && oldest <= epoch) return false
    }
    return [...this.#orphans].every(orphan => orphan.epoch > epoch)
  }

  /** The thread has ended. Its operations end once `isSettled`: nothing that it asked for happens any more. */
  threadEnded(thread: number, isSettled: Promise<void>): void {
    const orphan = { epoch: Atomics.exchange(this.#words, 1 + thread, 0) }
    if (orphan.epoch === 0) return

    this.#orphans.add(orphan)
    void isSettled.then(() => this.#orphans.delete(orphan))
  }
}

/** The operations of one thread, which is the only one of its place while it lives. */
export class OperationRegister {
  readonly #words: Int32Array
  readonly #word: number
  /** In the order in which they began. */
  readonly #underWay = new Set<{ epoch: number }>()

  constructor(memory: SharedArrayBuffer, thread: number) {
    this.#words = new Int32Array(memory)
    this.#word = 1 + thread
    assert(this.#word < this.#words.length)
  }

  /** To be called before the first row is read, or the first record appended. The result ends it; called again, it does nothing. */
  begin(): () => void {
    const operation = { epoch: Atomics.load(this.#words, 0) }
    if (this.#underWay.size === 0) Atomics.store(this.#words, this.#word, operation.epoch)
    this.#underWay.add(operation)
    return () => {
      this.#end(operation)
    }
  }

  #end(operation: { epoch: number }): void {
    const [before] = this.#underWay
    if (!this.#underWay.delete(operation) || before !== operation) return

    const [oldest] = this.#underWay
    Atomics.store(this.#words, this.#word, oldest?.epoch ?? 0)
  }
}
