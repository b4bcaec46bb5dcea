/**
 * Group commit: everything that waits becomes one batch, with one sync of the WAL.
 *
 * For the one thread that owns an embedded engine. The mutations of a group run one after the other on an overlay, each
 * seeing what those before it wrote; one that rejects leaves nothing in it. Then the overlay is committed, and all are
 * answered, the rejected too, because their refusal may rest on what the group wrote.
 *
 * The group carries no checks: nothing else writes to the engine (its kernel lock and this queue see to that), so that
 * what was read is still so, and each check would be one more point read.
 *
 * A commit that fails fails its whole group. Whether its batch will be there after a restart is unknown, as for any write
 * that was not acknowledged; the next group starts from what the engine then says.
 */

import assert from 'node:assert/strict'
import { absent, type Engine, type Versioned } from './engine.ts'
import type { ObjectSequences } from './object-sequences.ts'
import type { Mutation, Transaction } from './transaction.ts'

/** Mutations in one group: bounds the time that the first of them waits for the last. */
const groupCountMax = 1024

/** A version that no committed row has: of a row that this group has written. */
const uncommitted = Number.MAX_SAFE_INTEGER

interface Waiting {
  run: (transaction: Transaction) => Promise<() => void>
  reject: (error: unknown) => void
}

/** Keys as strings of their bytes, so that they compare by value. */
type Overlay = Map<string, { key: Buffer; value: Buffer | undefined }>

/**
 * What the engine had when a group first asked: nobody else writes to it, so it has it until the group commits. The
 * mutations of the group share the values, and only read them.
 */
type Reads = Map<string, Promise<Versioned | undefined>>

export class GroupCommitter {
  readonly #engine: Engine
  readonly #sequences: ObjectSequences
  #queue: Waiting[] = []
  #running: Promise<void> | undefined
  #isClosed = false

  /** `sequences`: those by which the readers of this engine see what it writes. */
  constructor(engine: Engine, sequences: ObjectSequences) {
    this.#engine = engine
    this.#sequences = sequences
  }

  /** Resolves or rejects as the mutation does, once what it rests on is durable. */
  run<Parameters, Result>(
    mutation: Mutation<Parameters, Result>,
    parameters: Parameters
  ): Promise<Result> {
    assert(!this.#isClosed)
    return new Promise<Result>((resolve, reject) => {
      const run = async (transaction: Transaction): Promise<() => void> => {
        const result = await mutation(transaction, parameters)
        return () => {
          resolve(result)
        }
      }
      this.#queue.push({ run, reject })
      this.#running ??= this.#runGroups()
    })
  }

  /** What was asked for before is answered on return. */
  async close(): Promise<void> {
    this.#isClosed = true
    await this.#running
  }

  async #runGroups(): Promise<void> {
    // One turn of the loop, so that what came with the same message is in the first group.
    await Promise.resolve()
    while (this.#queue.length > 0) {
      const group = this.#queue.splice(0, groupCountMax)
      await this.#runGroup(group)
    }
    this.#running = undefined
  }

  async #runGroup(group: readonly Waiting[]): Promise<void> {
    const overlay: Overlay = new Map()
    const reads: Reads = new Map()
    const answers: (() => void)[] = []
    for (const { run, reject } of group) {
      const transaction = new OverlayTransaction(this.#engine, overlay, reads)
      try {
        answers.push(await run(transaction))
        transaction.keep()
      } catch (error) {
        answers.push(() => {
          reject(error)
        })
      }
    }

    try {
      if (overlay.size > 0) await this.#commit(overlay)
    } catch (error) {
      for (const { reject } of group) reject(error)
      return
    }
    for (const answer of answers) answer()
  }

  async #commit(overlay: Overlay): Promise<void> {
    const puts: { key: Buffer; value: Buffer }[] = []
    const deletes: Buffer[] = []
    const keys: Buffer[] = []
    for (const { key, value } of overlay.values()) {
      keys.push(key)
      if (value === undefined) deletes.push(key)
      else puts.push({ key, value })
    }

    const written = this.#sequences.begin(keys)
    try {
      await this.#engine.commit({ checks: [], puts, deletes })
    } finally {
      // One that failed may have written all the same.
      this.#sequences.end(written)
    }
  }
}

class OverlayTransaction implements Transaction {
  readonly #engine: Engine
  readonly #group: Overlay
  readonly #reads: Reads
  readonly #own: Overlay = new Map()

  constructor(engine: Engine, group: Overlay, reads: Reads) {
    this.#engine = engine
    this.#group = group
    this.#reads = reads
  }

  get(key: Buffer): Promise<Versioned | undefined> {
    const name = key.toString('latin1')
    const written = this.#own.get(name) ?? this.#group.get(name)
    if (written !== undefined) return Promise.resolve(toVersioned(written))

    const known = this.#reads.get(name)
    if (known !== undefined) return known
    const read = this.#engine.get(key)
    this.#reads.set(name, read)
    return read
  }

  async getMany(keys: readonly Buffer[]): Promise<(Versioned | undefined)[]> {
    const found = await this.#engine.getMany(keys)
    return keys.map((key, index) => {
      const written = this.#written(key)
      return written === undefined ? found[index] : toVersioned(written)
    })
  }

  put(key: Buffer, value: Buffer): void {
    this.#own.set(key.toString('latin1'), { key, value })
  }

  delete(key: Buffer): void {
    this.#own.set(key.toString('latin1'), { key, value: undefined })
  }

  /** The mutation has succeeded: those behind it see what it wrote. */
  keep(): void {
    for (const [name, write] of this.#own) this.#group.set(name, write)
  }

  #written(key: Buffer): { value: Buffer | undefined } | undefined {
    const name = key.toString('latin1')
    return this.#own.get(name) ?? this.#group.get(name)
  }
}

function toVersioned({ value }: { value: Buffer | undefined }): Versioned | undefined {
  assert(uncommitted > absent)
  return value === undefined ? undefined : { value, version: uncommitted }
}
