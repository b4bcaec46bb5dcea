/**
 * The master keys of a store, in memory that all threads share: one, or two while the key is being rotated.
 *
 *     4 bytes     sequence: odd while the rest is being changed
 *     4           slot of the current key: what is wrapped from now on is wrapped under it
 *     4           slots that hold a key, as bits
 *     4           nothing
 *     2 x 32      the slots
 *
 * Only the main thread changes it. A thread that reads while that happens reads again; so a key is at hand in every
 * thread before anything is wrapped under it, without a message to any of them. It lies in memory only.
 */

import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { keySize } from './sodium.ts'

export interface MasterKey {
  /** 8 bytes: its name, which says nothing of it. */
  id: Buffer
  /** 32 bytes. Never leaves the process. */
  key: Buffer
}

export const masterKeyIdSize = 8

const headSize = 16
const slotCount = 2
const memorySize = headSize + slotCount * keySize
const [sequenceWord, currentWord, presentWord] = [0, 1, 2] as const

export function masterKeyId(key: Buffer): Buffer {
  assert(key.length === keySize)
  return createHmac('sha256', key)
    .update('r2d master key id 1')
    .digest()
    .subarray(0, masterKeyIdSize)
}

interface Snapshot {
  sequence: number
  /** The current one first. */
  keys: readonly MasterKey[]
}

export class Keyring {
  /** Handed to other threads, which make their own object of it. */
  readonly memory: SharedArrayBuffer
  readonly #words: Int32Array
  readonly #bytes: Buffer
  #known: Snapshot | undefined

  constructor(memory: SharedArrayBuffer) {
    assert(memory.byteLength === memorySize)
    this.memory = memory
    this.#words = new Int32Array(memory, 0, headSize / 4)
    this.#bytes = Buffer.from(memory)
  }

  static of(key: Buffer): Keyring {
    const keyring = new Keyring(new SharedArrayBuffer(memorySize))
    keyring.#change(() => {
      keyring.#put(0, key)
      keyring.#words[currentWord] = 0
      keyring.#words[presentWord] = 1
    })
    return keyring
  }

  /** Under which new keys and secrets are wrapped. */
  get current(): MasterKey {
    const [current] = this.#read().keys
    assert(current !== undefined)
    return current
  }

  /** The current one first. */
  get keys(): readonly MasterKey[] {
    return this.#read().keys
  }

  /** Another number whenever the keys have changed. */
  get generation(): number {
    return this.#read().sequence
  }

  /** What the first key opens that opens anything. */
  open<Result>(tryKey: (key: Buffer) => Result | undefined): Result | undefined {
    for (const { key } of this.#read().keys) {
      const opened = tryKey(key)
      if (opened !== undefined) return opened
    }
    return undefined
  }

  /** A second key: what is wrapped under it opens from now on. There must be one only. */
  add(key: Buffer): void {
    assert(this.keys.length === 1)
    assert(!this.current.key.equals(key))
    const free = 1 - this.#word(currentWord)
    this.#change(() => {
      this.#put(free, key)
      this.#words[presentWord] = 0b11
    })
  }

  /** The other key becomes the current one. */
  swap(): void {
    assert(this.keys.length === 2)
    this.#change(() => {
      this.#words[currentWord] = 1 - this.#word(currentWord)
    })
  }

  /** The key that is not the current one is wiped. */
  drop(): void {
    assert(this.keys.length === 2)
    const current = this.#word(currentWord)
    this.#change(() => {
      this.#put(1 - current, Buffer.alloc(keySize))
      this.#words[presentWord] = 1 << current
    })
  }

  #word(index: number): number {
    return this.#words[index] ?? 0
  }

  #put(slot: number, key: Buffer): void {
    assert(key.length === keySize)
    key.copy(this.#bytes, headSize + slot * keySize)
  }

  #change(change: () => void): void {
    Atomics.add(this.#words, sequenceWord, 1)
    change()
    Atomics.add(this.#words, sequenceWord, 1)
    this.#known = undefined
  }

  #read(): Snapshot {
    for (;;) {
      const sequence = Atomics.load(this.#words, sequenceWord)
      if (this.#known?.sequence === sequence) return this.#known
      // A change takes well under a microsecond.
      if (sequence % 2 !== 0) continue

      const current = Atomics.load(this.#words, currentWord)
      const present = Atomics.load(this.#words, presentWord)
      const keys = [current, 1 - current]
        .filter(slot => (present & (1 << slot)) !== 0)
        .map(slot => this.#copy(slot))
      if (Atomics.load(this.#words, sequenceWord) !== sequence) continue

      this.#known = { sequence, keys: keys.map(key => ({ id: masterKeyId(key), key })) }
      return this.#known
    }
  }

  #copy(slot: number): Buffer {
    const start = headSize + slot * keySize
    return Buffer.from(this.#bytes.subarray(start, start + keySize))
  }
}
