/**
 * The seam to an ordered key-value engine: four operations, on which all object-store logic stands.
 *
 *   get, getMany   the newest committed value and its version
 *   scan           a range in byte order, at one snapshot, with seek; of rows, or of values only
 *   commit         an atomic, durable batch that applies only if every checked key still has the
 *                  version that was read
 *
 * (FoundationDB, etcd and Deno KV have the same shape.) Keys order by unsigned bytes. Nothing above
 * this seam may assume that there is one writer: what a decision was based on goes into `checks`.
 *
 * test/conformance/engine.ts says what every engine does; each engine's test is one call of it.
 */

/** Grows with each commit that writes the key; never reused. Zero means that the key is absent. */
export type Version = number

export const absent: Version = 0

export interface Versioned {
  /** Owned by the caller. */
  value: Buffer
  version: Version
}

export interface Entry extends Versioned {
  key: Buffer
}

export interface Check {
  key: Buffer
  version: Version
}

export interface Put {
  key: Buffer
  value: Buffer
}

export interface Batch {
  checks: readonly Check[]
  puts: readonly Put[]
  deletes: readonly Buffer[]
}

/** Keys from `gte` (included) to `lt` (excluded). */
export interface Range {
  gte: Buffer
  lt: Buffer
}

/** A position in a range of one snapshot. Close it: it pins the snapshot. */
export interface Cursor<Item = Entry> extends AsyncDisposable {
  /** The next in order, at most `count`; empty at the end of the range. */
  read(count: number): Promise<Item[]>
  /** Goes on at the first key >= `key`. */
  seek(key: Buffer): void
}

export interface Engine extends AsyncDisposable {
  readonly name: 'rocksdb' | 'classic-level'
  /** Opens the same database in another thread of this process; absent where that is impossible. */
  readonly handle: bigint | undefined

  get(key: Buffer): Promise<Versioned | undefined>
  /** One answer a key, in the order of `keys`. */
  getMany(keys: readonly Buffer[]): Promise<(Versioned | undefined)[]>
  scan(range: Range): Cursor
  /** A scan of rows whose values say all: their keys are not copied out of the engine. */
  scanValues(range: Range): Cursor<Buffer>
  /**
   * Durable on return. Rejects with `ConflictError`, nothing applied, if a check fails. A key is
   * written at most once in a batch.
   */
  commit(batch: Batch): Promise<void>
}

/** A checked key has another version by now: read again and decide again. */
export class ConflictError extends Error {
  override name = 'ConflictError' as const
  readonly key: Buffer

  constructor(key: Buffer) {
    super('A key that this commit depends on has changed')
    this.key = key
  }
}
