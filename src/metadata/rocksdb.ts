/**
 * RocksDB as the metadata engine: the only file that imports the binding.
 *
 * The binding's synchronous calls are used throughout: a point read takes 7 us and would take several times that
 * through its thread pool. The write blocks its thread for as long as the WAL syncs, which is why
 * the committer has a thread of its own.
 *
 * One thread commits; any number read. The first to open gets a `handle`, by which the others open the same
 * database in the same process. It is the first that closes: the binding closes for all at once, under whoever
 * still reads, so that an engine opened by handle leaves it alone. RocksDB holds a kernel lock on the directory for as long as it is open: a second
 * process is refused, and a killed one leaves nothing behind.
 *
 * WAL: a commit is written with `sync`, so that what is in front of it is durable when it returns. On opening, RocksDB
 * replays up to the first record that is not whole, which after a crash is one that was never acknowledged.
 */

import assert from 'node:assert/strict'
import { R2dError } from '../errors.ts'
import type { Batch, Cursor, Engine, Range, Version, Versioned } from './engine.ts'
import { toEngineError, toOpenError } from './engine-error.ts'
import {
  commitNumberKey,
  decodeVersioned,
  encodeCommitNumber,
  encodeVersioned,
  requireVersions
} from './versioned-value.ts'

/** The part of @nxtedition/rocksdb that is used; the package ships no types. */
interface RocksLevel {
  readonly handle: bigint
  open(options: Record<string, unknown>): Promise<void>
  close(): Promise<void>
  batch(): {
    _put(key: Buffer, value: Buffer, options: object): void
    _del(key: Buffer, options: object): void
    _writeSync(options: { sync: boolean }): void
    _closeSync(): void
  }
  _getManySync(keys: readonly Buffer[], options: object): (Buffer | undefined)[]
  _iterator(options: object): RocksIterator
}

interface RocksIterator {
  _seekSync(key: Buffer): void
  /** Keys and values in turn; without keys, undefined in their places. */
  _nextvSync(count: number, options: object): { rows: (Buffer | undefined)[]; finished: boolean }
  _closeSync(): void
}

/** Not a literal, so that the compiler looks for no types. */
const packageName: string = '@nxtedition/rocksdb'

type RocksLevelClass = new (pathOrHandle: string | bigint) => RocksLevel

const encodings = { keyEncoding: 'buffer', valueEncoding: 'buffer' } as const

export interface RocksDbOptions {
  path: string
  /** Of an engine that another thread of this process has open on `path`. */
  handle?: bigint
  /** Bytes of the block cache: metadata reads that are served from it touch no file. */
  cacheSize?: number
}

const cacheSizeDefault = 64 * 1024 * 1024
/** Bytes of memtables in all: four of a quarter each. */
const memtableSize = 64 * 1024 * 1024

/** Whether the binding, an optional dependency, is here and loads on this platform. */
export async function isRocksDbAvailable(): Promise<boolean> {
  try {
    await loadBinding()
    return true
  } catch {
    return false
  }
}

export async function openRocksDb(options: RocksDbOptions): Promise<Engine> {
  const Binding = await loadBinding()
  const { path, handle, cacheSize = cacheSizeDefault } = options
  const database = new Binding(handle ?? path)
  try {
    await database.open({
      createIfMissing: handle === undefined,
      cacheSize,
      memtableMemoryBudget: memtableSize,
      compaction: 'level',
      // Object rows are keys and random bytes: compressing the WAL costs a pass and gains nothing.
      walCompression: false
    })
  } catch (error) {
    throw toOpenError(error, path)
  }

  return new RocksDb(database, { isOwner: handle === undefined })
}

async function loadBinding(): Promise<RocksLevelClass> {
  try {
    const module = (await import(packageName)) as {
      RocksLevel?: RocksLevelClass
      default: { RocksLevel: RocksLevelClass }
    }
    return module.RocksLevel ?? module.default.RocksLevel
  } catch (error) {
    throw new R2dError('R2D_INVALID_CONFIG', 'RocksDB is not available on this platform', {
      cause: error,
      hint: 'Set metadata.engine = "classic-level"'
    })
  }
}

class RocksDb implements Engine {
  readonly name = 'rocksdb'
  readonly #database: RocksLevel
  readonly #isOwner: boolean
  /** Known from the first commit on; only the thread that commits asks. */
  #lastCommit: Version | undefined

  constructor(database: RocksLevel, { isOwner }: { isOwner: boolean }) {
    this.#database = database
    this.#isOwner = isOwner
  }

  get handle(): bigint {
    return this.#database.handle
  }

  get(key: Buffer): Promise<Versioned | undefined> {
    return this.#promise(() => this.#getMany([key])[0])
  }

  getMany(keys: readonly Buffer[]): Promise<(Versioned | undefined)[]> {
    return this.#promise(() => (keys.length === 0 ? [] : this.#getMany(keys)))
  }

  scan(range: Range): Cursor {
    return new RocksCursor(this.#iterate(range, { keys: true }), range, (key, stored) => {
      assert(key !== undefined)
      return { key, ...decodeVersioned(stored) }
    })
  }

  scanValues(range: Range): Cursor<Buffer> {
    return new RocksCursor(
      this.#iterate(range, { keys: false }),
      range,
      (_, stored) => decodeVersioned(stored).value
    )
  }

  commit({ checks, puts, deletes }: Batch): Promise<void> {
    // Synchronous from the first read to the end of the write: no other commit of this thread is between.
    return this.#promise(() => {
      if (checks.length > 0) {
        requireVersions(checks, this.#getMany(checks.map(({ key }) => key)))
      }

      const number = this.#nextCommit()
      const batch = this.#database.batch()
      for (const { key, value } of puts) batch._put(key, encodeVersioned(number, value), {})
      for (const key of deletes) batch._del(key, {})
      batch._put(commitNumberKey, encodeCommitNumber(number), {})
      batch._writeSync({ sync: true })
      batch._closeSync()
      this.#lastCommit = number
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isOwner) await this.#database.close()
  }

  #iterate({ gte, lt }: Range, { keys }: { keys: boolean }): RocksIterator {
    const options = { ...encodings, gte, lt, keys, values: true, limit: -1, reverse: false }
    return this.#database._iterator(options)
  }

  #getMany(keys: readonly Buffer[]): (Versioned | undefined)[] {
    const found = this.#database._getManySync(keys, encodings)
    return found.map(stored => (stored === undefined ? undefined : decodeVersioned(stored)))
  }

  #nextCommit(): Version {
    this.#lastCommit ??= this.#getMany([commitNumberKey])[0]?.version ?? 0
    return this.#lastCommit + 1
  }

  #promise<T>(run: () => T): Promise<T> {
    try {
      return Promise.resolve(run())
    } catch (error) {
      return Promise.reject(isOurs(error) ? error : toEngineError(error, 'The metadata'))
    }
  }
}

function isOurs(error: unknown): error is Error {
  return error instanceof R2dError || (error instanceof Error && error.name === 'ConflictError')
}

type ToItem<Item> = (key: Buffer | undefined, stored: Buffer) => Item

class RocksCursor<Item> implements Cursor<Item> {
  readonly #iterator: RocksIterator
  readonly #range: Range
  readonly #toItem: ToItem<Item>
  #isAtEnd: boolean

  constructor(iterator: RocksIterator, range: Range, toItem: ToItem<Item>) {
    this.#iterator = iterator
    this.#toItem = toItem
    this.#range = range
    this.#isAtEnd = Buffer.compare(range.gte, range.lt) >= 0
  }

  read(count: number): Promise<Item[]> {
    try {
      return Promise.resolve(this.#read(count))
    } catch (error) {
      return Promise.reject(isOurs(error) ? error : toEngineError(error, 'The metadata'))
    }
  }

  seek(key: Buffer): void {
    const { gte, lt } = this.#range
    this.#isAtEnd = Buffer.compare(key, lt) >= 0
    if (!this.#isAtEnd) this.#iterator._seekSync(Buffer.compare(key, gte) < 0 ? gte : key)
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#iterator._closeSync()
    return Promise.resolve()
  }

  #read(count: number): Item[] {
    const items: Item[] = []
    // The binding ends a batch at a number of bytes, too.
    while (items.length < count && !this.#isAtEnd) {
      const { rows, finished } = this.#iterator._nextvSync(count - items.length, {})
      assert(rows.length % 2 === 0)
      for (let index = 0; index < rows.length; index += 2) {
        const stored = rows[index + 1]
        assert(stored !== undefined)
        items.push(this.#toItem(rows[index], stored))
      }
      this.#isAtEnd = finished
    }
    return items
  }
}
