/**
 * Appends records to journal files on as many volumes as the metadata is to have copies.
 *
 * Files are opened with O_DSYNC, and the writes to all of them are under way before anything is awaited: the thread that
 * commits may then block in the engine's own sync, and both are over when the slower one is.
 *
 * A volume that fails is left, and another takes over with a file that begins with the record at hand; what the failed one's
 * file may end in is torn. A file belongs to one term, and is never appended to after it.
 */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import type { Keyring } from '../../crypto/keyring.ts'
import { R2dError } from '../../errors.ts'
import { errnoOf, type DataFile } from '../../file.ts'
import { place } from '../../storage/placement.ts'
import type { Volume, VolumeSet } from '../../storage/volume-set.ts'
import { encodeJournalHeader, fileHeaderSize } from './file-header.ts'
import { journalFileName } from './journal-files.ts'
import { journalFolder, placeJournalKey, type JournalKey } from './journal-key.ts'
import type { SealedRecord } from './sealed-record.ts'

/** Bytes at which the next file is begun: what a start may have to read on each volume. */
const journalFileSizeMax = 32 * 1024 * 1024

export interface JournalCopies {
  location: string
  /** Copies of each record. */
  target: number
  /** Below so many nothing is committed. */
  minimum: number
}

export interface JournalWriterOptions {
  volumes: VolumeSet
  keyring: Keyring
  key: JournalKey
  /** Asked when files are begun. */
  copies: () => Promise<JournalCopies>
  random: () => number
}

interface OpenFile {
  volume: Volume
  file: DataFile
  end: number
  /** Sequence of the last record that it has. */
  last: number
}

export class JournalWriter {
  readonly #options: JournalWriterOptions
  readonly #term: number
  readonly #termFirst: number
  #files: OpenFile[] = []
  #copies: JournalCopies | undefined
  #lastNumber = 0

  /** `termFirst`: the sequence of the first record that will be appended. */
  constructor(options: JournalWriterOptions, { term, first }: { term: number; first: number }) {
    this.#options = options
    this.#term = term
    this.#termFirst = first
  }

  /**
   * Durable on every copy on return. R2D_STORE_FULL or R2D_UNAVAILABLE where there are too few: it may then be on some, and
   * the same record may be appended again, but no other. One at a time.
   */
  append(record: SealedRecord): Promise<void> {
    assert(record.term === this.#term)
    const isReady =
      this.#copies !== undefined &&
      this.#files.length === this.#copies.target &&
      this.#files.every(({ volume, end }) => isUsable(volume) && end < journalFileSizeMax)

    // Not one turn of the loop later: the caller is about to block this thread.
    return isReady ? this.#appendTo(record, this.#write(this.#files, record)) : this.#renew(record)
  }

  /** Lets go of volumes that are not to be written to any more. No append is under way. */
  async letGo(): Promise<void> {
    const dropped = this.#files.filter(({ volume }) => !isUsable(volume))
    this.#files = this.#files.filter(file => !dropped.includes(file))
    await Promise.all(dropped.map(leave))
  }

  async close(): Promise<void> {
    await Promise.all(this.#files.map(leave))
    this.#files = []
  }

  /** Leaves files that are full or on volumes that are out of use, then goes on as `append` does. */
  async #renew(record: SealedRecord): Promise<void> {
    this.#copies = await this.#options.copies()
    const kept = this.#files.filter(
      ({ volume, end }) => isUsable(volume) && end < journalFileSizeMax
    )
    const dropped = this.#files.filter(file => !kept.includes(file))
    // Files of one placement are of one age: a new one brings all the others anew.
    const isFull = dropped.some(({ end }) => end >= journalFileSizeMax)
    this.#files = isFull ? [] : kept
    await Promise.all((isFull ? [...kept, ...dropped] : dropped).map(leave))
    await this.#appendTo(record, this.#write(this.#files, record))
  }

  async #appendTo(record: SealedRecord, writes: Promise<OpenFile[]>): Promise<void> {
    let done = await writes
    this.#files = done
    const { target, minimum, location } = required(this.#copies)
    const tried = new Set(done.map(({ volume }) => volume))
    while (done.length < target) {
      const chosen = await this.#choose(target - done.length, tried)
      if (chosen.length === 0) break
      for (const volume of chosen) tried.add(volume)
      const begun = await Promise.all(chosen.map(volume => this.#begin(volume, record)))
      done = [...done, ...begun.filter(file => file !== undefined)]
      this.#files = done
    }
    if (done.length < minimum) throw await this.#shortOf(location, minimum, done.length)
  }

  /** Those that have it now; the others are left. */
  async #write(files: readonly OpenFile[], record: SealedRecord): Promise<OpenFile[]> {
    const outcomes = await Promise.all(
      files.map(async open => {
        // One that was asked for before, and had too few copies.
        if (open.last === record.sequence) return open
        try {
          await open.file.write([record.bytes], open.end)
          open.end += record.bytes.length
          open.last = record.sequence
          return open
        } catch (error) {
          this.#options.volumes.markFailed(open.volume, error)
          await leave(open)
          return undefined
        }
      })
    )
    return outcomes.filter(open => open !== undefined)
  }

  /** Active volumes first; a full one has its reserve for this: without a record nothing could be deleted. */
  async #choose(count: number, tried: ReadonlySet<Volume>): Promise<Volume[]> {
    const { volumes, random } = this.#options
    const { location } = required(this.#copies)
    const all = (await volumes.inLocation(location)).filter(volume => isUsable(volume))
    const untried = all.filter(volume => !tried.has(volume))
    const used = this.#files.map(({ volume }) => volume)
    const chosen = place(untried, count, used, random)
    const full = untried.filter(volume => !chosen.includes(volume) && volume.condition === 'full')

    return [...chosen, ...full].slice(0, count)
  }

  /** A new file with this record in it, both durable on return; undefined if the volume fails at it. */
  async #begin(volume: Volume, record: SealedRecord): Promise<OpenFile | undefined> {
    const { volumes, key, keyring } = this.#options
    const { files, storeId, now } = volumes
    try {
      const masterKey = keyring.current.key
      await placeJournalKey(volume.path, key, { storeId, masterKey }, files)
      const folder = join(volume.path, journalFolder)
      const file = await this.#create(folder)
      const header = encodeJournalHeader({
        storeId,
        volumeId: volume.id,
        volumeNumber: volume.number,
        keyId: key.id,
        term: this.#term,
        termFirst: this.#termFirst,
        first: record.sequence,
        created: now()
      })
      try {
        await file.write([header, record.bytes], 0)
        await files.syncDirectory(folder)
      } catch (error) {
        await file.close().catch(() => undefined)
        throw error
      }
      return { volume, file, end: fileHeaderSize + record.bytes.length, last: record.sequence }
    } catch (error) {
      volumes.markFailed(volume, error)
      return undefined
    }
  }

  async #create(folder: string): Promise<DataFile> {
    const { files, now } = this.#options.volumes
    for (;;) {
      const number = Math.max(this.#lastNumber + 1, now())
      this.#lastNumber = number
      try {
        return await files.createSynced(join(folder, journalFileName(number)))
      } catch (error) {
        if (errnoOf(error) !== 'EEXIST') throw error
      }
    }
  }

  async #shortOf(location: string, minimum: number, count: number): Promise<R2dError> {
    const all = await this.#options.volumes.inLocation(location)
    const full = all.filter(volume => volume.condition === 'full').length
    const message =
      `The metadata's journal has ${minimum} copies at least, and ${count} of the ${all.length} volumes ` +
      `of location ${location} took the last record (${full} full)`

    return count + full >= minimum
      ? new R2dError('R2D_STORE_FULL', message, { hint: 'Free space or add a volume' })
      : new R2dError('R2D_UNAVAILABLE', message, { hint: 'See r2d daemon status for the reason' })
  }
}

/** One that is being emptied is left, too. */
function isUsable({ recorded, condition }: Volume): boolean {
  return recorded === 'active' && condition !== 'failed'
}

async function leave({ file }: OpenFile): Promise<void> {
  // Everything acknowledged was synced: closing has nothing left to fail at that matters.
  await file.close().catch(() => undefined)
}

function required<T>(value: T | undefined): T {
  assert(value !== undefined)
  return value
}
