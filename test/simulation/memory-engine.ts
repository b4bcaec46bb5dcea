// A metadata engine in memory whose commits a crash cuts between, never within: what the WAL of a real one promises.
//
// That the real ones keep the promise is for their own tests (test/metadata/, test/crash/): here thousands of crashes are to be
// looked at, each from an engine of its own.

import assert from 'node:assert/strict'
import {
  absent,
  ConflictError,
  type Batch,
  type Cursor,
  type Engine,
  type Entry,
  type Range,
  type Versioned
} from '../../src/metadata/engine.ts'
import type { Random } from './random.ts'

type Rows = Map<string, Versioned>

export class MemoryEngine implements Engine {
  readonly name = 'classic-level'
  readonly handle = undefined
  readonly #random: Random
  #rows: Rows
  #version: number
  /** Begun, and not answered: a crash may find it or not. */
  #underWay: Batch | undefined
  onStep: () => void = () => undefined

  constructor(random: Random, rows: Rows = new Map(), version = 0) {
    this.#random = random
    this.#rows = rows
    this.#version = version
  }

  get(key: Buffer): Promise<Versioned | undefined> {
    return Promise.resolve(copyOf(this.#rows.get(nameOf(key))))
  }

  getMany(keys: readonly Buffer[]): Promise<(Versioned | undefined)[]> {
    return Promise.resolve(keys.map(key => copyOf(this.#rows.get(nameOf(key)))))
  }

  scan({ gte, lt }: Range): Cursor {
    const [from, to] = [nameOf(gte), nameOf(lt)]
    const names = [...this.#rows.keys()].filter(name => name >= from && name < to).sort(compare)
    // Rows are replaced, never changed: these are a snapshot.
    const entries = names.map((name): Entry => {
      const row = this.#rows.get(name)
      assert(row !== undefined)
      return {
        key: Buffer.from(name, 'latin1'),
        value: Buffer.from(row.value),
        version: row.version
      }
    })

    let at = 0
    return {
      read: count => {
        const page = entries.slice(at, at + count)
        at += page.length
        return Promise.resolve(page)
      },
      seek: key => {
        const index = names.findIndex(name => name >= nameOf(key))
        at = index === -1 ? names.length : index
      },
      [Symbol.asyncDispose]: () => Promise.resolve()
    }
  }

  scanValues(range: Range): Cursor<Buffer> {
    const cursor = this.scan(range)
    return {
      read: async count => (await cursor.read(count)).map(({ value }) => value),
      seek: key => {
        cursor.seek(key)
      },
      [Symbol.asyncDispose]: () => Promise.resolve()
    }
  }

  async commit(batch: Batch): Promise<void> {
    assert(this.#underWay === undefined, 'The committer commits one batch after the other')
    for (const { key, version } of batch.checks) {
      if ((this.#rows.get(nameOf(key))?.version ?? absent) !== version) throw new ConflictError(key)
    }
    this.#underWay = batch
    this.onStep()
    await this.#delay()
    this.#rows = applied(this.#rows, batch, ++this.#version)
    this.#underWay = undefined
    this.onStep()
    await this.#delay()
  }

  /** What a crash now leaves. */
  crash(random: Random): MemoryEngine {
    const rows =
      this.#underWay !== undefined && random.chance(0.5)
        ? applied(this.#rows, this.#underWay, this.#version + 1)
        : this.#rows
    return new MemoryEngine(random, new Map(rows), this.#version + 1)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve()
  }

  async #delay(): Promise<void> {
    for (let turns = this.#random.below(4); turns > 0; turns--) {
      await new Promise(resolve => setImmediate(resolve))
    }
  }
}

function applied(rows: Rows, { puts, deletes }: Omit<Batch, 'checks'>, version: number): Rows {
  const result = new Map(rows)
  for (const { key, value } of puts) {
    result.set(nameOf(key), { value: Buffer.from(value), version })
  }
  for (const key of deletes) result.delete(nameOf(key))
  return result
}

function copyOf(row: Versioned | undefined): Versioned | undefined {
  return row && { value: Buffer.from(row.value), version: row.version }
}

const nameOf = (key: Buffer): string => key.toString('latin1')
const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
