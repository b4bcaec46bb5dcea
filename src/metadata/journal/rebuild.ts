/**
 * Makes the rows of the metadata again, from what the volumes have: the newest snapshot that is whole, and every commit of
 * the journal behind it.
 */

import { R2dError } from '../../errors.ts'
import type { FileSystem } from '../../file.ts'
import type { Engine, Put } from '../engine.ts'
import { decodeExtentRecord, encodeExtentRecord } from '../extent-record.ts'
import { journalPositionKey, rowKindOf } from '../keys.ts'
import type { Row } from './batch-codec.ts'
import { listJournalFiles, type JournalFault, type JournalVolume } from './journal-files.ts'
import { hasJournalKey, readJournalKeys, type JournalKey } from './journal-key.ts'
import { JournalLine } from './journal-line.ts'
import { positionRow } from './journaled-engine.ts'
import { listSnapshots, type Snapshot, type SnapshotListing } from './snapshot-format.ts'
import { readSnapshot } from './snapshot-reader.ts'

/** Bytes of rows that are committed at once, about. */
const batchSize = 4 * 1024 * 1024

export interface VolumeContents {
  files: FileSystem
  storeId: Buffer
  keys: readonly JournalKey[]
  snapshots: SnapshotListing
  line: JournalLine
  /** Those of headers and folders; reading reports its own. */
  faults: JournalFault[]
}

export interface ContentsOptions {
  files: FileSystem
  storeId: Buffer
  /** The store's, or both of them while it is being rotated. */
  masterKeys: readonly Buffer[]
  onFault: (fault: JournalFault) => void
}

/** R2D_WRONG_MASTER_KEY, R2D_CORRUPT_RECORD if there is no journal at all. */
export async function readContents(
  volumes: readonly JournalVolume[],
  { files, storeId, masterKeys, onFault }: ContentsOptions
): Promise<VolumeContents> {
  const paths = volumes.map(({ path }) => path)
  const keys = await readJournalKeys(paths, { storeId, masterKeys }, files)
  if (keys.length === 0) {
    if (await hasJournalKey(paths, files)) {
      throw new R2dError('R2D_WRONG_MASTER_KEY', 'The master key is not the one of these volumes', {
        hint: 'Give the key that the store was made with; nothing was changed'
      })
    }
    throw new R2dError(
      'R2D_CORRUPT_RECORD',
      'None of these volumes has a journal of the metadata',
      {
        hint: 'Name the other volumes of the store with --volume'
      }
    )
  }

  const snapshots = await listSnapshots(volumes, { files, storeId, keys })
  const journal = await listJournalFiles(volumes, storeId, files)
  const line = new JournalLine(journal.found, { files, storeId, keys, onFault })
  const faults = [...snapshots.faults, ...journal.faults]
  for (const fault of faults) onFault(fault)
  return { files, storeId, keys, snapshots, line, faults }
}

export interface Rebuilt {
  snapshot: Snapshot
  /** Commits that the journal had behind it. */
  commits: number
  rows: number
  /** Sequence of the last commit that is in. */
  sequence: number
  /** A later commit that some volume has, without those between: then something is missing. */
  gapBefore: number | undefined
}

/**
 * Into an engine that is empty. The journal is not begun in it: the next start makes a snapshot first.
 * R2D_CORRUPT_RECORD if no snapshot is whole.
 */
export async function rebuildRows(
  contents: VolumeContents,
  into: Engine,
  { onFault }: Pick<ContentsOptions, 'onFault'>
): Promise<Rebuilt> {
  const { line, files } = contents
  const snapshot = await newestWhole(contents, onFault)
  const writer = new RowsWriter(into)
  for await (const rows of readSnapshot(snapshot, files, onFault)) await writer.add(rows)
  await writer.flush()

  let commits = 0
  let { term, sequence } = snapshot
  for await (const record of line.after(sequence)) {
    await writer.add(record.rows)
    term = record.term
    sequence = record.sequence
    if (record.kind === 'commit') commits++
  }
  await writer.flush()
  const position = positionRow({ term, sequence, isJournaled: false, keys: [] })
  await into.commit({ checks: [], puts: [position], deletes: [] })
  return { snapshot, commits, rows: writer.count, sequence, gapBefore: line.gapBefore }
}

/**
 * The rows of one snapshot, as they were then; `number` 0 is the newest that is whole. Where things are is taken from the
 * journal behind it all the same: compaction and repair have moved replicas since, and volumes have come and gone.
 */
export async function restoreRows(
  contents: VolumeContents,
  into: Engine,
  number: number,
  { onFault }: Pick<ContentsOptions, 'onFault'>
): Promise<Rebuilt> {
  const { files, line } = contents
  const snapshot = await chooseSnapshot(contents, number, onFault)
  const writer = new RowsWriter(into)
  for await (const rows of readSnapshot(snapshot, files, onFault)) await writer.add(rows)
  await writer.flush()
  const { term, sequence } = snapshot
  for await (const { rows } of line.after(sequence)) await writer.add(await placesOf(rows, into))
  await writer.flush()

  const position = positionRow({ term, sequence, isJournaled: false, keys: [] })
  await into.commit({ checks: [], puts: [position], deletes: [] })
  return { snapshot, commits: 0, rows: writer.count, sequence, gapBefore: line.gapBefore }
}

/** Of rows that were written later: those that say where the volumes are, and replicas of extents that are there. */
async function placesOf(rows: readonly Row[], engine: Engine): Promise<Row[]> {
  const places: Row[] = []
  for (const { key, value } of rows) {
    if (value === undefined) continue
    const kind = rowKindOf(key)
    if (kind === 'volume') places.push({ key, value })
    if (kind !== 'extent') continue

    const row = await engine.get(key)
    if (row === undefined) continue
    const { replicas } = decodeExtentRecord(value)
    const extent = { ...decodeExtentRecord(row.value), replicas }
    places.push({ key, value: encodeExtentRecord(extent) })
  }
  return places
}

/** `number` 0 is the newest that is whole. */
export async function chooseSnapshot(
  contents: VolumeContents,
  number: number,
  onFault: (fault: JournalFault) => void
): Promise<Snapshot> {
  if (number === 0) return newestWhole(contents, onFault)

  const { found } = contents.snapshots
  const snapshot = found.find(each => each.number === number)
  if (snapshot !== undefined) return snapshot
  throw new R2dError('R2D_INVALID_CONFIG', `These volumes have no snapshot ${number}`, {
    hint: `They have: ${found.map(each => each.number).join(', ')}`
  })
}

/** The newest snapshot that is on the line and can be read to its end: it is read once for that. */
async function newestWhole(
  { snapshots, line, files }: VolumeContents,
  onFault: (fault: JournalFault) => void
): Promise<Snapshot> {
  for (const snapshot of snapshots.found) {
    if ((line.terms.of(snapshot.sequence) ?? 0) > snapshot.term) continue
    try {
      for await (const _rows of readSnapshot(snapshot, files, onFault)) continue
      return snapshot
    } catch (error) {
      if (!(error instanceof R2dError)) throw error
    }
  }
  throw new R2dError(
    'R2D_CORRUPT_RECORD',
    `These volumes have ${snapshots.found.length} snapshots of the metadata, none of them whole`,
    { hint: 'Name the other volumes of the store with --volume' }
  )
}

/** Gathers rows, the last one of a key, to commit many at once. */
class RowsWriter {
  readonly #engine: Engine
  readonly #rows = new Map<string, Row>()
  #size = 0
  count = 0

  constructor(engine: Engine) {
    this.#engine = engine
  }

  async add(rows: readonly Row[]): Promise<void> {
    for (const row of rows) {
      // The position is where the rebuilding ends, not where it came from.
      if (row.key.equals(journalPositionKey())) continue
      this.#rows.set(row.key.toString('latin1'), row)
      this.#size += row.key.length + (row.value?.length ?? 0)
      this.count++
    }
    if (this.#size >= batchSize) await this.flush()
  }

  async flush(): Promise<void> {
    const puts: Put[] = []
    const deletes: Buffer[] = []
    for (const { key, value } of this.#rows.values()) {
      if (value === undefined) deletes.push(key)
      else puts.push({ key, value })
    }
    this.#rows.clear()
    this.#size = 0
    if (puts.length + deletes.length > 0) await this.#engine.commit({ checks: [], puts, deletes })
  }
}
