/**
 * Snapshots of the metadata: made when they are due or asked for, and what they make superfluous is taken away.
 *
 * One is due when the newest is older than the interval and something was committed since, when the journal behind it has
 * grown long, when it has too few copies, and when a volume has left the journal: what that one had is then on one volume less.
 */

import type { Logger } from 'pino'
import type { Keyring } from '../src/crypto/keyring.ts'
import type { SnapshotsDocument } from '../src/control/protocol.ts'
import { R2dError } from '../src/errors.ts'
import type { Engine } from '../src/metadata/engine.ts'
import { listJournalFiles, isSuperfluous } from '../src/metadata/journal/journal-files.ts'
import { newJournalKey, readJournalKeys } from '../src/metadata/journal/journal-key.ts'
import {
  journalVolumes,
  readCopies,
  readPosition
} from '../src/metadata/journal/journaled-engine.ts'
import { prune } from '../src/metadata/journal/prune.ts'
import { listSnapshots, type Snapshot } from '../src/metadata/journal/snapshot-format.ts'
import { writeSnapshot } from '../src/metadata/journal/snapshot-writer.ts'
import type { VolumeSet } from '../src/storage/volume-set.ts'
import type { BackgroundWork } from './background-worker.ts'

/** Between looks at whether one is due, milliseconds. */
const lookMs = 60_000
/** Of the journal behind the newest snapshot: what a rebuild has to go through. */
const journalSizeMax = 256 * 1024 * 1024
const journalFileCountMax = 64

export interface SnapshotsOptions {
  metadata: Engine
  volumes: VolumeSet
  keyring: Keyring
  location: string
  intervalMs: number
  log: Pick<Logger, 'info'>
}

export class Snapshots {
  readonly #options: SnapshotsOptions
  /** Grows with each request; the last one that was fulfilled, and the last that failed. */
  #wanted = 0
  #done = 0
  #failed: SnapshotsDocument['failed']
  #newest: Snapshot | undefined
  /** Rows so far, of the one that is being made. */
  #rows: number | undefined
  /** How often a volume was left, and up to which of these the newest snapshot came after. */
  #left = 0
  #leftBefore = 0

  constructor(options: SnapshotsOptions) {
    this.#options = options
  }

  get work(): BackgroundWork {
    const intervalMs = Math.min(lookMs, this.#options.intervalMs)
    return { name: 'snapshots', intervalMs, round: signal => this.#round(signal) }
  }

  /** One is made in the next round; the number of the request, for `status`. */
  request(): number {
    this.#wanted++
    return this.#wanted
  }

  /** A volume has failed: what it has of the journal has one copy less. */
  volumeLeft(): void {
    this.#left++
  }

  get status(): SnapshotsDocument {
    const newest = this.#newest
    return {
      done: this.#done,
      ...(this.#failed === undefined ? {} : { failed: this.#failed }),
      ...(this.#rows === undefined ? {} : { running: { rows: this.#rows } }),
      ...(newest === undefined ? {} : { newest: describeSnapshot(newest) })
    }
  }

  async #round(signal: AbortSignal): Promise<void> {
    const wanted = this.#wanted
    const left = this.#left
    const { volumes, keyring } = this.#options
    const { files, storeId } = volumes
    const places = journalVolumes(volumes)
    const masterKeys = keyring.keys.map(({ key }) => key)
    const paths = places.map(({ path }) => path)
    const keys = await readJournalKeys(paths, { storeId, masterKeys }, files)
    const source = { files, storeId, keys }
    this.#newest = (await listSnapshots(places, source)).found[0]
    if (wanted === this.#done && left === this.#leftBefore && !(await this.#isDue(this.#newest)))
      return

    this.#rows = 0
    try {
      const [key = newJournalKey(volumes.now())] = keys
      const snapshot = await this.#write(key, signal)
      const pruned = await prune(
        places,
        { ...source, keys: [...keys, key] },
        { newest: snapshot, began: performance.timeOrigin }
      )
      this.#newest = snapshot
      this.#failed = undefined
      this.#done = wanted
      this.#leftBefore = left
      const { number, rows, bytes, copies } = snapshot
      this.#options.log.info(
        { snapshot: number, rows, bytes, volumes: copies.map(({ volume }) => volume), pruned },
        'a snapshot of the metadata was made'
      )
    } catch (error) {
      if (signal.aborted) return
      const reason = error instanceof Error ? error.message : String(error)
      const code = error instanceof R2dError ? error.code : 'R2D_UNAVAILABLE'
      this.#failed = { request: wanted, code, message: reason }
      throw error
    } finally {
      this.#rows = undefined
    }
  }

  async #write(key: ReturnType<typeof newJournalKey>, signal: AbortSignal): Promise<Snapshot> {
    const { metadata: engine, volumes, keyring, location } = this.#options
    const copies = await readCopies(engine, location)
    const onProgress = (rows: number): void => {
      this.#rows = rows
    }
    return writeSnapshot({ engine, volumes, keyring, key, copies, signal, onProgress })
  }

  async #isDue(newest: Snapshot | undefined): Promise<boolean> {
    if (newest === undefined) return true
    const { metadata, volumes, location, intervalMs } = this.#options
    const position = await readPosition(metadata)
    const isJournaled = position?.isJournaled === true
    if (isJournaled && position.sequence === newest.sequence) return false

    const { target } = await readCopies(metadata, location)
    const usable = (await volumes.inLocation(location)).filter(({ state }) => state === 'active')
    if (newest.copies.length < Math.min(target, usable.length)) return true
    if (volumes.now() - newest.number >= intervalMs) return true
    if (!isJournaled) return false

    const { files, storeId } = volumes
    const { found } = await listJournalFiles(journalVolumes(volumes), storeId, files)
    const behind = found.filter(file => !isSuperfluous(file, newest.sequence, found))
    const size = behind.reduce((sum, file) => sum + file.size, 0) / target
    return (
      size > Math.max(journalSizeMax, newest.bytes) ||
      found.length > journalFileCountMax * volumes.all().length
    )
  }
}

function describeSnapshot(snapshot: Snapshot): NonNullable<SnapshotsDocument['newest']> {
  const { number, rows, bytes, chunks, term, sequence, copies } = snapshot
  return {
    number,
    time: new Date(number).toISOString(),
    rows,
    bytes,
    chunks,
    term,
    sequence,
    copies: copies.map(({ volume, path }) => ({ volume, path }))
  }
}
