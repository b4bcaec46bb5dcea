/**
 * An engine whose every commit is in the journal, on the volumes, before it is answered.
 *
 * The record's writes are under way when the engine's commit begins, and both have ended when it is answered. So after a crash the
 * two differ by one commit at most, which nobody was told of, in either direction; `open` makes them the same again:
 *
 *     the journal has what the engine lacks    it is committed to the engine, one or many: it is whole, and it is next
 *     the engine has what the journal lacks    the record that begins the next term holds it: the position row says which rows
 *
 * A commit that failed in the engine, or that has too few copies in the journal, is settled before the next one: by the next term,
 * or by writing the record again. Until then nothing is committed.
 *
 * Where the journal does not reach the engine's position at all (it was off, or is gone), a snapshot of all rows is made first,
 * and the sequence leaps, so that nobody takes what comes then for what follows on what is there.
 */

import assert from 'node:assert/strict'
import type { Keyring } from '../../crypto/keyring.ts'
import { R2dError } from '../../errors.ts'
import type { VolumeSet } from '../../storage/volume-set.ts'
import type { Batch, Cursor, Engine, Put, Range, Versioned } from '../engine.ts'
import {
  decodeJournalPosition,
  encodeJournalPosition,
  type JournalPosition
} from '../journal-position-record.ts'
import { journalPositionKey, locationKey } from '../keys.ts'
import { decodeLocationRecord } from '../location-record.ts'
import { commitNumberKey } from '../versioned-value.ts'
import { encodeBatch } from './batch-codec.ts'
import { listJournalFiles, type JournalFault, type JournalVolume } from './journal-files.ts'
import { newJournalKey, readJournalKeys, type JournalKey } from './journal-key.ts'
import { JournalLine, type LineRecord } from './journal-line.ts'
import { JournalWriter, type JournalCopies } from './journal-writer.ts'
import { encodeSealedRecord, type SealedRecord } from './sealed-record.ts'
import { listSnapshots } from './snapshot-format.ts'
import { writeSnapshot } from './snapshot-writer.ts'

/** How far the sequence leaps where the line is broken: more than the one that a term's first record may make good. */
const leap = 16

export interface JournalOptions {
  volumes: VolumeSet
  keyring: Keyring
  /** Whose volumes have the journal. */
  location: string
  onFault: (fault: JournalFault) => void
  /** So many commits were found in the journal only, and are in the engine now. */
  onRolledForward: (count: number) => void
  /** Chooses volumes. */
  random?: () => number
}

interface Beginning {
  writer: JournalWriter
  record: SealedRecord
  position: JournalPosition
}

export class JournaledEngine implements Engine {
  readonly #engine: Engine
  readonly #options: JournalOptions
  readonly #key: JournalKey
  #newestTerm: number
  /** Whether the journal reaches the engine's position. */
  #isChained: boolean
  #writer: JournalWriter | undefined
  #position: JournalPosition | undefined
  /** In the engine, and in the journal on too few volumes. */
  #pending: SealedRecord | undefined
  /** A term of which some volumes may have the first record already. */
  #beginning: Beginning | undefined
  #committing: Promise<unknown> = Promise.resolve()

  private constructor(
    engine: Engine,
    options: JournalOptions,
    state: { key: JournalKey; newestTerm: number; isChained: boolean }
  ) {
    this.#engine = engine
    this.#options = options
    this.#key = state.key
    this.#newestTerm = state.newestTerm
    this.#isChained = state.isChained
  }

  /** The engine has everything that the journal has on return. R2D_CORRUPT_RECORD if they do not belong together. */
  static async open(engine: Engine, options: JournalOptions): Promise<JournaledEngine> {
    const journaled = new JournaledEngine(engine, options, await reconcile(engine, options))
    options.volumes.onUpdate(() => journaled.#letGo())
    return journaled
  }

  get name(): Engine['name'] {
    return this.#engine.name
  }

  get handle(): bigint | undefined {
    return this.#engine.handle
  }

  get(key: Buffer): Promise<Versioned | undefined> {
    return this.#engine.get(key)
  }

  getMany(keys: readonly Buffer[]): Promise<(Versioned | undefined)[]> {
    return this.#engine.getMany(keys)
  }

  scan(range: Range): Cursor {
    return this.#engine.scan(range)
  }

  scanValues(range: Range): ReturnType<Engine['scanValues']> {
    return this.#engine.scanValues(range)
  }

  /** Without checks: who commits through a journal is the only one who does. */
  commit(batch: Batch): Promise<void> {
    assert(batch.checks.length === 0)
    const commit = this.#committing.then(() => this.#commit(batch))
    this.#committing = commit.catch(() => undefined)
    return commit
  }

  /**
   * The journal reaches the engine's position on return, by a snapshot of all rows if need be: nothing that is there is in
   * the engine alone. R2D_UNAVAILABLE, R2D_STORE_FULL when there are too few volumes: commits will try again.
   */
  async reach(): Promise<void> {
    if (this.#isChained) return
    const reaching = this.#committing.then(() => this.#settle())
    this.#committing = reaching.catch(() => undefined)
    await reaching
  }

  /** What was asked for before is answered on return. A commit after that begins another term. */
  async leave(): Promise<void> {
    await this.#committing
    await this.#leaveTerm()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.leave()
    await this.#engine[Symbol.asyncDispose]()
  }

  async #commit({ puts, deletes }: Batch): Promise<void> {
    if (this.#writer === undefined || this.#pending !== undefined) await this.#settle()

    const [writer, before] = [required(this.#writer), required(this.#position)]
    const keys = [...puts.map(({ key }) => key), ...deletes]
    const position = { ...before, sequence: before.sequence + 1, keys }
    const record = this.#seal('commit', position, encodeBatch({ puts, deletes }))
    const journaled = writer.append(record).then(
      () => undefined,
      (error: unknown) => ({ error })
    )
    try {
      await this.#engine.commit({ checks: [], puts: [...puts, positionRow(position)], deletes })
    } catch (error) {
      // Whether it is in the engine is unknown, and the journal may have it: the next term begins with what is there.
      await journaled
      await this.#leaveTerm()
      throw error
    }
    this.#position = position

    const failure = await journaled
    if (failure === undefined) return
    this.#pending = record
    throw failure.error
  }

  async #settle(): Promise<void> {
    if (this.#pending !== undefined) {
      await required(this.#writer).append(this.#pending)
      this.#pending = undefined
    }
    if (this.#writer !== undefined) return

    if (this.#beginning === undefined) {
      if (!this.#isChained) await this.#makeBase()
      this.#beginning = await this.#prepareTerm()
    }
    const { writer, record, position } = this.#beginning
    await writer.append(record)
    await this.#engine.commit({ checks: [], puts: [positionRow(position)], deletes: [] })
    this.#beginning = undefined
    this.#position = position
    this.#writer = writer
  }

  /** Its first record holds what the last commit wrote: that may be in the engine alone. */
  async #prepareTerm(): Promise<Beginning> {
    const last = required(await readPosition(this.#engine))
    const term = Math.max(this.#newestTerm, last.term) + 1
    this.#newestTerm = term
    const position = { ...last, term, sequence: last.sequence + 1, isJournaled: true }

    const found = await this.#engine.getMany(last.keys)
    const puts: Put[] = []
    const deletes: Buffer[] = []
    for (const [index, key] of last.keys.entries()) {
      const row = found[index]
      if (row === undefined) deletes.push(key)
      else puts.push({ key, value: row.value })
    }
    const { volumes, keyring, random = Math.random } = this.#options
    const copies = (): Promise<JournalCopies> => readCopies(this.#engine, this.#options.location)
    const writer = new JournalWriter(
      { volumes, keyring, key: this.#key, copies, random },
      { term, first: position.sequence }
    )
    return {
      writer,
      position,
      record: this.#seal('begin', position, encodeBatch({ puts, deletes }))
    }
  }

  /** A snapshot of all rows, at a position that no record of before reaches. */
  async #makeBase(): Promise<void> {
    const last = await readPosition(this.#engine)
    const term = Math.max(this.#newestTerm, last?.term ?? 0) + 1
    this.#newestTerm = term
    const sequence = (last?.sequence ?? 0) + leap
    const position = { term, sequence, isJournaled: false, keys: [] }
    await this.#engine.commit({ checks: [], puts: [positionRow(position)], deletes: [] })

    const { volumes, keyring, location, random = Math.random } = this.#options
    const [engine, key] = [this.#engine, this.#key]
    const copies = await readCopies(engine, location)
    await writeSnapshot({ engine, volumes, keyring, key, copies, random })
    this.#isChained = true
  }

  /** Of volumes that are not to be written to any more: what is under way there is waited for. */
  #letGo(): Promise<void> {
    const writers = (): (JournalWriter | undefined)[] => [this.#writer, this.#beginning?.writer]
    const letting = this.#committing.then(async () => {
      for (const writer of writers()) await writer?.letGo()
    })
    this.#committing = letting.catch(() => undefined)
    return letting
  }

  async #leaveTerm(): Promise<void> {
    const writers = [this.#writer, this.#beginning?.writer]
    this.#writer = undefined
    this.#beginning = undefined
    for (const writer of writers) await writer?.close()
  }

  #seal(kind: 'commit' | 'begin', place: JournalPosition, rows: Buffer): SealedRecord {
    const { term, sequence } = place
    const seal = { key: this.#key.key, ownerId: this.#options.volumes.storeId }
    return encodeSealedRecord({ kind, term, sequence }, rows, seal)
  }
}

/** The journal is off from here on, and says so: what it has does not go on. Commits then go to the engine itself. */
export async function leaveJournal(engine: Engine): Promise<void> {
  const last = await readPosition(engine)
  if (last?.isJournaled !== true) return

  const { term, sequence } = last
  const position = { term: term + 1, sequence: sequence + leap, isJournaled: false, keys: [] }
  await engine.commit({ checks: [], puts: [positionRow(position)], deletes: [] })
}

export async function readPosition(
  engine: Pick<Engine, 'get'>
): Promise<JournalPosition | undefined> {
  const row = await engine.get(journalPositionKey())
  return row === undefined ? undefined : decodeJournalPosition(row.value)
}

export function positionRow(position: JournalPosition): Put {
  return { key: journalPositionKey(), value: encodeJournalPosition(position) }
}

/** The metadata has as many copies as data has in this location. */
export async function readCopies(
  engine: Pick<Engine, 'get'>,
  location: string
): Promise<JournalCopies> {
  const row = await engine.get(locationKey(location))
  if (row === undefined) throw new R2dError('R2D_UNAVAILABLE', `There is no location ${location}`)

  const { replicaCount, replicaCountMin } = decodeLocationRecord(row.value)
  return { location, target: replicaCount, minimum: replicaCountMin }
}

/** The volumes that can be read. */
export function journalVolumes(volumes: VolumeSet): JournalVolume[] {
  return volumes
    .all()
    .filter(({ recorded, condition }) => recorded !== 'lost' && condition !== 'failed')
}

async function reconcile(
  engine: Engine,
  options: JournalOptions
): Promise<{ key: JournalKey; newestTerm: number; isChained: boolean }> {
  const { volumes, keyring, onFault } = options
  const masterKeys = keyring.keys.map(({ key }) => key)
  const { storeId, files, now } = volumes
  const places = journalVolumes(volumes)
  const paths = places.map(({ path }) => path)
  const keys = await readJournalKeys(paths, { storeId, masterKeys }, files)
  const key = keys[0] ?? newJournalKey(now())
  const journal = await listJournalFiles(places, storeId, files)
  for (const fault of journal.faults) onFault(fault)
  const line = new JournalLine(journal.found, { files, storeId, keys, onFault })
  const snapshots = await listSnapshots(places, { files, storeId, keys })
  const position = await readPosition(engine)
  const terms = [...snapshots.found.map(({ term }) => term), position?.term ?? 0]
  const newestTerm = Math.max(line.terms.newest, ...terms)
  const isChained =
    position?.isJournaled === true &&
    (await isOfLastCommit(engine)) &&
    (await meet(engine, line, position, options))

  return { key, newestTerm, isChained }
}

/** Whether the position is as the last commit left it: one that went past the journal has not written it. */
async function isOfLastCommit(engine: Engine): Promise<boolean> {
  const [position, last] = await engine.getMany([journalPositionKey(), commitNumberKey])
  return last === undefined || position?.version === last.version
}

/** Commits to the engine what the line has behind its position; whether the line reaches it. */
async function meet(
  engine: Engine,
  line: JournalLine,
  { term, sequence }: JournalPosition,
  { onRolledForward }: JournalOptions
): Promise<boolean> {
  if ((line.terms.of(sequence) ?? 0) > term) {
    // The journal took another way from before this position. If that way has commits, somebody was told of them.
    for await (const record of line.after(sequence - 1)) {
      if (record.kind === 'commit') throw apart('has commits that this metadata was not there for')
    }
    return false
  }

  let count = 0
  let isReached = false
  for await (const record of line.after(sequence - 1)) {
    isReached = true
    if (record.sequence <= sequence) continue
    await commitRecord(engine, record)
    count++
  }
  if (count > 0) onRolledForward(count)
  if (line.gapBefore !== undefined && line.gapBefore > sequence) {
    throw apart('is newer, and what lies between is gone')
  }
  if (isReached) return true

  for await (const record of line.after(sequence - 2)) {
    if (record.sequence === sequence - 1) return true
  }
  return false
}

async function commitRecord(engine: Engine, { rows, ...place }: LineRecord): Promise<void> {
  const puts: Put[] = []
  const deletes: Buffer[] = []
  for (const { key, value } of rows) {
    if (value === undefined) deletes.push(key)
    else puts.push({ key, value })
  }
  const { term, sequence } = place
  const keys = rows.map(({ key }) => key)
  const position = { term, sequence, isJournaled: true, keys }
  await engine.commit({ checks: [], puts: [...puts, positionRow(position)], deletes })
}

function apart(reason: string): R2dError {
  return new R2dError('R2D_CORRUPT_RECORD', `The journal on the volumes ${reason}`, {
    hint: 'This metadata is an old copy: move it away and run r2d meta rebuild'
  })
}

function required<T>(value: T | undefined): T {
  assert(value !== undefined)
  return value
}
