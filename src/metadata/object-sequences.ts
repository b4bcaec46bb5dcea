/**
 * Numbers that all threads of the process share, by which a thread sees that the row of an object that it has kept may have
 * been written since.
 *
 * Rows are spread over stripes by their keys. The committer makes a stripe's number odd before the engine gets a batch
 * that writes there, and even when the engine's commit has ended, however it ended, and before anybody is told of it. So while a
 * number is even and the same, nothing is written there, and what was read from the engine after the number was read is
 * what the engine has.
 *
 *     reader      number is n, even | row is read, kept with n | ... | number is n: the row is as it was read
 *     committer                                                  n + 1 | engine commits | n + 2 | answers
 *
 * A reader that begins after an answer finds n + 2, and so does one that begins after another has read the new row: it was made
 * n + 1 before the engine had it. Nobody trusts an odd number, such as a committer leaves that died: what it was at
 * is read from the engine, until the next committer counts every number on. A number that has come to its end stays odd.
 *
 * It holds within one process, as the ConfigurationEpoch does.
 */

import assert from 'node:assert/strict'
import { isObjectKey } from './keys.ts'

const stripeCount = 1 << 14
/** Odd: the last one. */
const sequenceMax = 0x7fff_ffff

export class ObjectSequences {
  /** Handed to other threads, which make their own object of it. */
  readonly memory: SharedArrayBuffer
  readonly #numbers: Int32Array

  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(4 * stripeCount)) {
    assert(memory.byteLength === 4 * stripeCount)
    this.memory = memory
    this.#numbers = new Int32Array(memory)
  }

  /** Of the row of an object. */
  stripeOf(rowKey: Buffer): number {
    // FNV-1a, http://www.isthe.com/chongo/tech/comp/fnv/
    let hash = 0x811c9dc5
    for (const byte of rowKey) hash = Math.imul(hash ^ byte, 0x01000193)
    return (hash ^ (hash >>> 16)) & (stripeCount - 1)
  }

  /** To be read before the row. Undefined while the stripe is being written: what is read then is not to be kept. */
  current(stripe: number): number | undefined {
    const number = Atomics.load(this.#numbers, stripe)

    return isOdd(number) ? undefined : number
  }

  /** By the committer, before the engine gets a batch that writes `keys`. What it returns is to be given to `end`. */
  begin(keys: Iterable<Buffer>): ReadonlySet<number> {
    const stripes = new Set<number>()
    for (const key of keys) if (isObjectKey(key)) stripes.add(this.stripeOf(key))
    for (const stripe of stripes) {
      const number = Atomics.load(this.#numbers, stripe)
      if (!isOdd(number)) Atomics.store(this.#numbers, stripe, number + 1)
    }
    return stripes
  }

  /** Once the engine's commit has ended, and before its outcome is told. */
  end(stripes: ReadonlySet<number>): void {
    for (const stripe of stripes) this.#settle(stripe)
  }

  /**
   * By a new committer, before it writes anything: the one before may have died in the middle of a commit. Nothing is kept by
   * these numbers until `renew`.
   */
  suspend(): void {
    for (let stripe = 0; stripe < stripeCount; stripe++) Atomics.or(this.#numbers, stripe, 1)
  }

  /** Before its first commit. */
  renew(): void {
    for (let stripe = 0; stripe < stripeCount; stripe++) this.#settle(stripe)
  }

  /** To the next even number, if there is one. */
  #settle(stripe: number): void {
    const odd = Atomics.load(this.#numbers, stripe) | 1
    Atomics.store(this.#numbers, stripe, odd === sequenceMax ? odd : odd + 1)
  }
}

function isOdd(number: number): boolean {
  return (number & 1) === 1
}
