/**
 * Writes a snapshot of all rows to as many volumes as the metadata is to have copies, and reads it back.
 *
 * One cursor, so that it is of one moment, and one chunk in memory at a time. The position of the journal is a row, read through
 * the same cursor: what follows in the journal is known exactly.
 */

import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import type { Keyring } from '../../crypto/keyring.ts'
import { newId } from '../../crypto/key-wrap.ts'
import { R2dError } from '../../errors.ts'
import { errnoOf, type DataFile } from '../../file.ts'
import { place } from '../../storage/placement.ts'
import type { Volume, VolumeSet } from '../../storage/volume-set.ts'
import type { Cursor, Engine } from '../engine.ts'
import { decodeJournalPosition, type JournalPosition } from '../journal-position-record.ts'
import { everyRow, journalPositionKey } from '../keys.ts'
import { encodeBatch, rowSize } from './batch-codec.ts'
import { encodeSnapshotHeader, fileHeaderSize } from './file-header.ts'
import { placeJournalKey, type JournalKey } from './journal-key.ts'
import type { JournalCopies } from './journal-writer.ts'
import { encodeSealedRecord, type SealedRecord } from './sealed-record.ts'
import {
  encodeSnapshotEnd,
  snapshotFileName,
  snapshotsFolder,
  type Snapshot,
  type SnapshotCopy
} from './snapshot-format.ts'
import { readSnapshot } from './snapshot-reader.ts'

/** Bytes of rows in one record, about. */
const chunkSize = 1024 * 1024
/** Rows that are read from the engine at once: it blocks the thread meanwhile. */
const rowsAtOnce = 500
/** Bytes after which a file is synced, so that the last sync is not of all of it. */
const syncEvery = 64 * 1024 * 1024

export interface SnapshotWriterOptions {
  engine: Pick<Engine, 'scan'>
  volumes: VolumeSet
  keyring: Keyring
  key: JournalKey
  copies: JournalCopies
  /** Chooses volumes. */
  random?: () => number
  signal?: AbortSignal
  onProgress?: (rows: number) => void
}

interface OpenCopy {
  volume: Volume
  path: string
  file: DataFile
  end: number
}

/** Whole on every copy, durable and read back on return. R2D_STORE_FULL, R2D_UNAVAILABLE; rejects if it is aborted. */
export async function writeSnapshot(options: SnapshotWriterOptions): Promise<Snapshot> {
  const { engine, volumes, key, copies, signal, onProgress } = options
  await using cursor = engine.scan(everyRow())
  const position = await readPosition(cursor)
  const open = await begin(options)
  const { number, snapshotId } = open
  const seal = { key: key.key, ownerId: snapshotId }
  const totals = { chunks: 0, rows: 0, bytes: 0 }
  try {
    for await (const rows of chunksOf(cursor)) {
      signal?.throwIfAborted()
      const plaintext = encodeBatch({ puts: rows, deletes: [] })
      const place = { kind: 'rows', term: number, sequence: totals.chunks } as const
      await append(open, volumes, encodeSealedRecord(place, plaintext, seal))
      totals.chunks++
      totals.rows += rows.length
      totals.bytes += plaintext.length
      onProgress?.(totals.rows)
      await turn()
    }
    const { term, sequence } = position
    const end = { ...totals, term, sequence }
    const place = { kind: 'end', term: number, sequence: totals.chunks } as const
    await append(open, volumes, encodeSealedRecord(place, encodeSnapshotEnd(end), seal))
    await finish(open, volumes)
    const snapshot = { number, snapshotId, key: key.key, ...end, copies: [] }
    return await readBack(snapshot, open.copies, options)
  } finally {
    for (const { file } of open.copies) await file.close().catch(() => undefined)
    if (open.copies.length < copies.minimum) await discard(open.begun, volumes)
  }
}

async function readPosition(cursor: Cursor): Promise<JournalPosition> {
  cursor.seek(journalPositionKey())
  const [entry] = await cursor.read(1)
  cursor.seek(everyRow().gte)
  if (entry?.key.equals(journalPositionKey()) !== true) {
    return { term: 1, sequence: 1, isJournaled: false, keys: [] }
  }
  return decodeJournalPosition(entry.value)
}

async function* chunksOf(cursor: Cursor): AsyncGenerator<{ key: Buffer; value: Buffer }[], void> {
  let rows: { key: Buffer; value: Buffer }[] = []
  let size = 0
  for (;;) {
    const entries = await cursor.read(rowsAtOnce)
    if (entries.length === 0) break
    for (const { key, value } of entries) {
      rows.push({ key, value })
      size += rowSize(key, value)
      if (size < chunkSize) continue
      yield rows
      rows = []
      size = 0
    }
  }
  if (rows.length > 0) yield rows
}

interface OpenSnapshot {
  number: number
  snapshotId: Buffer
  copies: OpenCopy[]
  begun: readonly OpenCopy[]
}

async function begin({
  volumes,
  copies: { location, target, minimum },
  key,
  keyring,
  random = Math.random
}: SnapshotWriterOptions): Promise<OpenSnapshot> {
  const { files, storeId, now } = volumes
  const number = now()
  const snapshotId = newId()
  const header = { storeId, keyId: key.id, number, snapshotId, created: number }
  const copies: OpenCopy[] = []
  const tried: Volume[] = []
  while (copies.length < target) {
    const all = (await volumes.inLocation(location)).filter(volume => !tried.includes(volume))
    const used = copies.map(({ volume }) => volume)
    const [volume] = place(all, 1, used, random)
    if (volume === undefined) break
    tried.push(volume)
    try {
      const masterKey = keyring.current.key
      await placeJournalKey(volume.path, key, { storeId, masterKey }, files)
      const folder = join(volume.path, snapshotsFolder)
      await files.makeDirectory(folder)
      await files.syncDirectory(volume.path)
      const path = join(folder, snapshotFileName(number))
      const file = await files.create(path)
      copies.push({ volume, path, file, end: fileHeaderSize })
      const own = { ...header, volumeId: volume.id, volumeNumber: volume.number }
      await file.write([encodeSnapshotHeader(own)], 0)
    } catch (error) {
      // A second snapshot within one millisecond finds its name taken: that is not the disk's doing.
      if (errnoOf(error) === 'EEXIST') throw tooFew(copies.length, minimum, error)
      volumes.markFailed(volume, error)
      const at = copies.findIndex(copy => copy.volume === volume)
      for (const { file } of copies.splice(at, at === -1 ? 0 : 1)) {
        await file.close().catch(() => undefined)
      }
    }
  }
  const open = { number, snapshotId, copies, begun: [...copies] }
  if (copies.length >= minimum) return open

  for (const { file } of copies) await file.close().catch(() => undefined)
  await discard(open.begun, volumes)
  throw tooFew(copies.length, minimum)
}

async function append(
  open: OpenSnapshot,
  volumes: VolumeSet,
  { bytes }: SealedRecord
): Promise<void> {
  await onEach(open, volumes, async copy => {
    const before = Math.floor(copy.end / syncEvery)
    await copy.file.write([bytes], copy.end)
    copy.end += bytes.length
    if (Math.floor(copy.end / syncEvery) > before) await copy.file.sync()
  })
}

async function finish(open: OpenSnapshot, volumes: VolumeSet): Promise<void> {
  await onEach(open, volumes, async ({ file, volume }) => {
    await file.sync()
    await volumes.files.syncDirectory(join(volume.path, snapshotsFolder))
  })
}

/** A copy that fails is dropped, and its volume is left. */
async function onEach(
  open: OpenSnapshot,
  volumes: VolumeSet,
  run: (copy: OpenCopy) => Promise<void>
): Promise<void> {
  await Promise.all(
    [...open.copies].map(async copy => {
      try {
        await run(copy)
      } catch (error) {
        volumes.markFailed(copy.volume, error)
        open.copies.splice(open.copies.indexOf(copy), 1)
        await copy.file.close().catch(() => undefined)
      }
    })
  )
  if (open.copies.length === 0) throw tooFew(0, 1)
}

/** Copies that do not read back as written do not count. */
async function readBack(
  snapshot: Snapshot,
  open: readonly OpenCopy[],
  { volumes, copies: { minimum } }: SnapshotWriterOptions
): Promise<Snapshot> {
  const good: SnapshotCopy[] = []
  for (const { volume, path, end } of open) {
    const copy = { volume: volume.number, path, size: end }
    try {
      for await (const _rows of readSnapshot(
        { ...snapshot, copies: [copy] },
        volumes.files,
        () => undefined
      )) {
        await turn()
      }
      good.push(copy)
    } catch (error) {
      volumes.markFailed(volume, error)
    }
  }
  if (good.length < minimum) throw tooFew(good.length, minimum)
  return { ...snapshot, copies: good }
}

/** The next one takes away what stays. */
async function discard(copies: readonly OpenCopy[], volumes: VolumeSet): Promise<void> {
  for (const { path } of copies) await volumes.files.remove(path).catch(() => undefined)
}

function tooFew(count: number, minimum: number, cause?: unknown): R2dError {
  const message = `A snapshot of the metadata has ${minimum} copies at least, and ${count} volumes took it`
  return new R2dError('R2D_UNAVAILABLE', message, {
    cause,
    hint: 'See r2d daemon status for the reason'
  })
}
