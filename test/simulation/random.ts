// Chance that can be repeated: the same seed gives the same choices (xorshift128, Marsaglia 2003).

import { createHash } from 'node:crypto'

export class Random {
  readonly #state: Uint32Array

  constructor(seed: number | string) {
    const digest = createHash('sha256').update(`${seed}`).digest()
    this.#state = Uint32Array.from([0, 4, 8, 12], offset => digest.readUInt32LE(offset) | 1)
  }

  /** 0 to `count` - 1. */
  below(count: number): number {
    return this.#next() % count
  }

  chance(share: number): boolean {
    return this.#next() < share * 0x1_0000_0000
  }

  pick<T>(choices: readonly [T, ...T[]]): T {
    return choices[this.below(choices.length)] ?? choices[0]
  }

  #next(): number {
    const [x = 0, , , w = 0] = this.#state
    const t = x ^ (x << 11)
    this.#state.copyWithin(0, 1)
    this.#state[3] = w ^ (w >>> 19) ^ (t ^ (t >>> 8))
    return this.#state[3]
  }
}
