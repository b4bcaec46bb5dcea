// What was asked of each key and what was answered: what a key may hold after a crash or a fault.
//
// Each key belongs to one writer, so that the order of what was done to it is known without a clock. The writer notes what it is about
// to do, does it, and notes the answer. From then on the key must be as it was last acknowledged, or as a write under way
// would have made it: whole, and the same in GET and LIST.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { R2dError } from '../../src/errors.ts'
import type { Store } from '../../src/objects/store.ts'
import { readAll } from '../objects/open-store.ts'

/** What a key holds: content that follows from the seed and the size; or nothing. */
export type Content = { seed: number; size: number } | undefined

interface KeyState {
  acknowledged: Content
  /** Asked for since, and not answered, or with an error that leaves the outcome open. */
  underWay: Content[]
}

export class History {
  readonly #states = new Map<string, KeyState>()
  acknowledged = 0
  /** Keys that were compared. */
  checked = 0
  /** Of keys with something under way, those that had it. */
  found = 0

  acknowledgedAt(key: string): Content {
    return this.#states.get(key)?.acknowledged
  }

  /** Whether a write to it has an open outcome. */
  isOpen(key: string): boolean {
    return (this.#states.get(key)?.underWay.length ?? 0) > 0
  }

  /** A write that rejects stays under way: its outcome is open. */
  async attempt(key: string, content: Content, write: () => Promise<unknown>): Promise<void> {
    const state = this.#states.get(key) ?? { acknowledged: undefined, underWay: [] }
    this.#states.set(key, state)
    state.underWay.push(content)
    await write()
    state.acknowledged = content
    state.underWay = []
    this.acknowledged++
  }

  /** As it is now, with counts of its own. */
  copy(): History {
    const copy = new History()
    for (const [key, { acknowledged, underWay }] of this.#states) {
      copy.#states.set(key, { acknowledged, underWay: [...underWay] })
    }
    return copy
  }

  /** Asserts that a key is read as it may be. */
  async verifyKey(store: Store, bucket: string, key: string): Promise<Buffer | undefined> {
    const { acknowledged, underWay = [] } = this.#states.get(key) ?? {}
    const bytes = await read(store, bucket, key)
    const match = [acknowledged, ...underWay].findIndex(content => isContent(bytes, content))
    assert(match !== -1, `${key} is neither as acknowledged nor as any write under way has it`)
    if (match > 0) this.found++
    this.checked++
    return bytes
  }

  /** Asserts that the bucket is as it may be. */
  async verify(store: Store, bucket: string): Promise<void> {
    const options = { prefix: '', delimiter: '', startAfter: '', limit: 1000 }
    const { objects } = await store.list(bucket, options)
    const listed = new Map(objects.map(object => [object.key, object]))

    for (const key of this.#states.keys()) {
      const bytes = await this.verifyKey(store, bucket, key)
      assert.equal(listed.has(key), bytes !== undefined, `${key} is listed as it is read`)
      if (bytes !== undefined) assert.equal(listed.get(key)?.size, bytes.length)
    }
    for (const key of listed.keys()) assert(this.#states.has(key), `${key} was never written`)
  }

  /** Takes what is there for what was acknowledged: nothing is under way any more. */
  async settle(store: Store, bucket: string): Promise<void> {
    for (const [key, state] of this.#states) {
      const bytes = await read(store, bucket, key)
      const all = [state.acknowledged, ...state.underWay]
      state.acknowledged = all.find(content => isContent(bytes, content))
      state.underWay = []
    }
  }
}

async function read(store: Store, bucket: string, key: string): Promise<Buffer | undefined> {
  try {
    const result = await store.get(bucket, key, {})
    assert(result.kind === 'object')
    return await readAll(result.body)
  } catch (error) {
    if (error instanceof R2dError && error.code === 'R2D_NO_SUCH_KEY') return undefined
    throw error
  }
}

const isContent = (bytes: Buffer | undefined, content: Content): boolean =>
  content === undefined ? bytes === undefined : bytes?.equals(bytesOf(content)) === true

export function bytesOf({ seed, size }: { seed: number; size: number }): Buffer {
  const content = Buffer.alloc(size)
  const block = createHash('sha512').update(`content ${seed}`).digest()
  for (let offset = 0, n = 0; offset < size; offset += block.length, n++) {
    block.writeUInt32LE(n)
    block.copy(content, offset)
  }
  return content
}
