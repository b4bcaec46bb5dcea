/**
 * LevelDB as the metadata engine, where RocksDB has no prebuilt binding: the only file that imports classic-level.
 *
 * It cannot be shared between threads, so that the daemon is one thread where it is used. Its batch write runs in the
 * thread pool: commits are queued here, one after the other. Durability and the lock are as RocksDB's.
 */

import { ClassicLevel } from 'classic-level'
import type { Batch, Cursor, Engine, Range, Version, Versioned } from './engine.ts'
import { toEngineError, toOpenError } from './engine-error.ts'
import {
  commitNumberKey,
  decodeVersioned,
  requireVersions,
  toOperations
} from './versioned-value.ts'

type Database = ClassicLevel<Buffer, Buffer>

const encodings = { keyEncoding: 'buffer', valueEncoding: 'buffer' } as const
const cacheSizeDefault = 64 * 1024 * 1024
/** Bytes that are gathered in memory before they become a table. */
const memtableSize = 16 * 1024 * 1024

export async function openClassicLevel({
  path,
  cacheSize = cacheSizeDefault
}: {
  path: string
  cacheSize?: number
}): Promise<Engine> {
  const database: Database = new ClassicLevel(path, {
    ...encodings,
    cacheSize,
    writeBufferSize: memtableSize,
    compression: false
  })
  try {
    await database.open()
  } catch (error) {
    throw toOpenError(error, path)
  }

  const last = await database.get(commitNumberKey)
  return new ClassicLevelEngine(database, last === undefined ? 0 : decodeVersioned(last).version)
}

class ClassicLevelEngine implements Engine {
  readonly name = 'classic-level'
  readonly handle = undefined
  readonly #database: Database
  #lastCommit: Version
  #committing: Promise<void> = Promise.resolve()

  constructor(database: Database, lastCommit: Version) {
    this.#database = database
    this.#lastCommit = lastCommit
  }

  async get(key: Buffer): Promise<Versioned | undefined> {
    const [found] = await this.getMany([key])
    return found
  }

  async getMany(keys: readonly Buffer[]): Promise<(Versioned | undefined)[]> {
    if (keys.length === 0) return []

    try {
      const found = await this.#database.getMany([...keys])
      return found.map(stored => (stored === undefined ? undefined : decodeVersioned(stored)))
    } catch (error) {
      throw toEngineError(error, 'The metadata')
    }
  }

  scan(range: Range): Cursor {
    return new ClassicLevelCursor(iterate(this.#database, range), range, (key, stored) => ({
      key,
      ...decodeVersioned(stored)
    }))
  }

  scanValues(range: Range): Cursor<Buffer> {
    return new ClassicLevelCursor(
      iterate(this.#database, range),
      range,
      (_, stored) => decodeVersioned(stored).value
    )
  }

  commit(batch: Batch): Promise<void> {
    const commit = this.#committing.then(() => this.#commit(batch))
    this.#committing = commit.catch(() => undefined)
    return commit
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#committing
    await this.#database.close()
  }

  async #commit(batch: Batch): Promise<void> {
    const { checks } = batch
    if (checks.length > 0) {
      requireVersions(checks, await this.getMany(checks.map(({ key }) => key)))
    }

    const number = this.#lastCommit + 1
    try {
      await this.#database.batch(toOperations(batch, number), { sync: true })
    } catch (error) {
      throw toEngineError(error, 'The metadata')
    }
    this.#lastCommit = number
  }
}

type Iterator = ReturnType<typeof iterate>

function iterate(database: Database, range: Range) {
  return database.iterator<Buffer, Buffer>({ ...encodings, ...range })
}

type ToItem<Item> = (key: Buffer, stored: Buffer) => Item

class ClassicLevelCursor<Item> implements Cursor<Item> {
  readonly #iterator: Iterator
  readonly #range: Range
  readonly #toItem: ToItem<Item>
  #isAtEnd: boolean

  constructor(iterator: Iterator, range: Range, toItem: ToItem<Item>) {
    this.#iterator = iterator
    this.#toItem = toItem
    this.#range = range
    this.#isAtEnd = Buffer.compare(range.gte, range.lt) >= 0
  }

  async read(count: number): Promise<Item[]> {
    const items: Item[] = []
    try {
      while (items.length < count && !this.#isAtEnd) {
        const rows = await this.#iterator.nextv(count - items.length)
        for (const [key, stored] of rows) items.push(this.#toItem(key, stored))
        this.#isAtEnd = rows.length === 0
      }
    } catch (error) {
      throw toEngineError(error, 'The metadata')
    }
    return items
  }

  seek(key: Buffer): void {
    const { gte, lt } = this.#range
    this.#isAtEnd = Buffer.compare(key, lt) >= 0
    if (!this.#isAtEnd) this.#iterator.seek(Buffer.compare(key, gte) < 0 ? gte : key)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#iterator.close()
  }
}
