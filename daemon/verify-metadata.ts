/**
 * `r2d meta verify`: whether the metadata could be rebuilt from the volumes, now and whole, and whether it is what the engine has.
 *
 * Everything is read and authenticated: each copy of each snapshot, and the journal from the oldest snapshot on. What is
 * damaged in one place and whole in another is a fault; what is whole in none is a problem.
 */

import { rm } from 'node:fs/promises'
import { loadConfig } from '../src/config.ts'
import { R2dError } from '../src/errors.ts'
import { nodeFiles } from '../src/file.ts'
import type { Home } from '../src/home.ts'
import type { Engine } from '../src/metadata/engine.ts'
import type { JournalFault } from '../src/metadata/journal/journal-files.ts'
import { readPosition } from '../src/metadata/journal/journaled-engine.ts'
import {
  readContents,
  rebuildRows,
  type ContentsOptions,
  type VolumeContents
} from '../src/metadata/journal/rebuild.ts'
import { readSnapshot } from '../src/metadata/journal/snapshot-reader.ts'
import { compareRows } from '../src/metadata/compare-rows.ts'
import { journalPositionKey } from '../src/metadata/keys.ts'
import { findVolumes } from './find-volumes.ts'
import { openKeySource, takeKeyVariables } from './key-source.ts'
import { engineIn } from './metadata-directory.ts'
import { openEngine } from './parts.ts'

export interface VerifyOptions {
  home: Home
  volumes: readonly string[]
  /** Rebuilds beside the metadata, and compares every row. */
  isDeep: boolean
}

export interface VerifyReport {
  snapshots: { number: number; time: string; rows: number; copies: number; wholeCopies: number }[]
  journal: { from: number; to: number; records: number; fewestCopies: number }
  /** What the engine says; absent where it is in use by a daemon, or not there. */
  engine?: { sequence: number; isJournaled: boolean; rowsCompared?: number }
  /** Damaged in one place, whole in another. */
  faults: JournalFault[]
  /** What a rebuild would lack. */
  problems: string[]
  notes: string[]
}

export async function verifyMetadata({
  home,
  volumes: named,
  isDeep
}: VerifyOptions): Promise<VerifyReport> {
  const volumes = await findVolumes(home, named)
  const storeId = volumes[0]?.storeId ?? Buffer.alloc(16)
  const source = openKeySource(home, loadConfig(home).key.command, takeKeyVariables())
  const report: VerifyReport = {
    snapshots: [],
    journal: { from: 0, to: 0, records: 0, fewestCopies: 0 },
    faults: [],
    problems: [],
    notes: []
  }
  const known = new Set<string>()
  const onFault = (fault: JournalFault): void => {
    const text = JSON.stringify(fault)
    if (!known.has(text)) report.faults.push(fault)
    known.add(text)
  }
  const reading = { files: nodeFiles, storeId, masterKeys: await source.read(), onFault }
  const contents = await readContents(volumes, reading)
  await verifySnapshots(contents, report, onFault)
  await verifyJournal(contents, report)
  await verifyEngine(home, contents, { report, reading, isDeep })
  return report
}

async function verifySnapshots(
  { snapshots, files }: VolumeContents,
  report: VerifyReport,
  onFault: (fault: JournalFault) => void
): Promise<void> {
  for (const snapshot of snapshots.found) {
    let wholeCopies = 0
    for (const copy of snapshot.copies) {
      try {
        const alone = { ...snapshot, copies: [copy] }
        for await (const _rows of readSnapshot(alone, files, onFault)) continue
        wholeCopies++
      } catch (error) {
        if (!(error instanceof R2dError)) throw error
      }
    }
    const { number, rows, copies } = snapshot
    const time = new Date(number).toISOString()
    report.snapshots.push({ number, time, rows, copies: copies.length, wholeCopies })
    if (wholeCopies > 0) continue
    // Each record may still be whole in one of the copies.
    try {
      for await (const _rows of readSnapshot(snapshot, files, () => undefined)) continue
    } catch (error) {
      if (!(error instanceof R2dError)) throw error
      report.problems.push(error.message)
    }
  }
  if (report.snapshots.length === 0) report.problems.push('There is no snapshot of the metadata')
}

async function verifyJournal(
  { snapshots, line }: VolumeContents,
  report: VerifyReport
): Promise<void> {
  const onLine = snapshots.found.filter(
    ({ term, sequence }) => (line.terms.of(sequence) ?? 0) <= term
  )
  const newest = onLine[0]
  if (newest === undefined) return

  // Older ones are of the same line only where the records between them are still there.
  const { sequence: from } = newest
  let [to, records, fewestCopies] = [from, 0, Number.MAX_SAFE_INTEGER]
  for await (const record of line.after(from)) {
    records++
    to = record.sequence
    fewestCopies = Math.min(fewestCopies, record.copies)
  }
  report.journal = { from, to, records, fewestCopies: records === 0 ? 0 : fewestCopies }
  if (line.gapBefore !== undefined) {
    report.problems.push(
      `The journal lacks commits ${to + 1} to ${line.gapBefore - 1}: nothing behind them can be rebuilt`
    )
  }
}

async function verifyEngine(
  home: Home,
  contents: VolumeContents,
  { report, reading, isDeep }: { report: VerifyReport; reading: ContentsOptions; isDeep: boolean }
): Promise<void> {
  const found = engineIn(home.metadata)
  if (found === undefined) {
    report.notes.push('There is no metadata here to compare with: r2d meta rebuild makes it')
    return
  }
  let engine: Engine
  try {
    engine = await openEngine({ ...found, handle: undefined })
  } catch (error) {
    if (!(error instanceof R2dError) || error.code !== 'R2D_LOCKED' || isDeep) throw error
    report.notes.push('A daemon is running: its metadata was not compared with the volumes')
    return
  }
  try {
    const position = await readPosition(engine)
    const { sequence = 0, isJournaled = false } = position ?? {}
    report.engine = { sequence, isJournaled }
    if (!isJournaled) {
      report.notes.push('The journal is off, or the daemon has not started since it was made anew')
      return
    }
    const { to } = report.journal
    if (sequence > to + 1) {
      report.problems.push(
        `The metadata has commits up to ${sequence}, and the journal up to ${to}`
      )
    } else if (sequence !== to) {
      report.notes.push(
        `The metadata is at commit ${sequence} and the journal at ${to}, as a crash leaves them: the next start makes them the same`
      )
    }
    if (isDeep) await compare(home, found.engine, engine, { contents, report, reading })
  } finally {
    await engine[Symbol.asyncDispose]()
  }
}

async function compare(
  home: Home,
  engineName: Engine['name'],
  engine: Engine,
  {
    contents,
    report,
    reading
  }: { contents: VolumeContents; report: VerifyReport; reading: ContentsOptions }
): Promise<void> {
  const beside = `${home.metadata}.verify`
  await rm(beside, { recursive: true, force: true })
  const rebuilt = await openEngine({ engine: engineName, path: beside, handle: undefined })
  try {
    await rebuildRows(contents, rebuilt, reading)
    const position = await readPosition(engine)
    // What the last commits wrote is where the two may differ after a crash, by one that nobody was told of.
    const open = new Set(position?.keys.map(key => key.toString('hex')))
    for await (const { rows } of contents.line.after(position?.sequence ?? 0)) {
      for (const { key } of rows) open.add(key.toString('hex'))
    }
    open.add(journalPositionKey().toString('hex'))
    const { compared, different } = await compareRows(engine, rebuilt, key =>
      open.has(key.toString('hex'))
    )
    if (report.engine !== undefined) report.engine.rowsCompared = compared
    if (different.length > 0) {
      report.problems.push(
        `${different.length} rows of the metadata are not what a rebuild would make, ` +
          `the first of them ${different[0]?.toString('hex') ?? ''}`
      )
    }
  } finally {
    await rebuilt[Symbol.asyncDispose]()
    await rm(beside, { recursive: true, force: true })
  }
}
