/**
 * `r2d meta dump` and `load`: all rows out of the metadata, or out of a snapshot, and into a new metadata directory.
 */

import { loadConfig } from '../src/config.ts'
import { R2dError } from '../src/errors.ts'
import { nodeFiles } from '../src/file.ts'
import type { Home } from '../src/home.ts'
import {
  decodeDump,
  encodeDump,
  type DumpFormat,
  type DumpRow
} from '../src/metadata/dump-format.ts'
import type { Engine } from '../src/metadata/engine.ts'
import { positionRow, readPosition } from '../src/metadata/journal/journaled-engine.ts'
import { chooseSnapshot, readContents } from '../src/metadata/journal/rebuild.ts'
import { readSnapshot } from '../src/metadata/journal/snapshot-reader.ts'
import { everyRow, storeKey } from '../src/metadata/keys.ts'
import { decodeStoreRecord } from '../src/metadata/store-record.ts'
import { findVolumes } from './find-volumes.ts'
import { openKeySource, takeKeyVariables } from './key-source.ts'
import { chooseEngine } from './main.ts'
import { engineIn, makeMetadata } from './metadata-directory.ts'
import { openEngine } from './parts.ts'

const rowsAtOnce = 500

export interface DumpOptions {
  home: Home
  format: DumpFormat
  /** Of a snapshot on the volumes, in place of the metadata itself; 0 is the newest. */
  snapshot: number | undefined
  volumes: readonly string[]
}

/** Calls `write` with the pieces in order; the number of rows. */
export async function dumpMetadata(
  options: DumpOptions,
  write: (piece: Buffer) => Promise<void>
): Promise<number> {
  return options.snapshot === undefined
    ? dumpEngine(options, write)
    : dumpSnapshot(options, options.snapshot, write)
}

async function dumpEngine(
  { home, format }: DumpOptions,
  write: (piece: Buffer) => Promise<void>
): Promise<number> {
  const found = engineIn(home.metadata)
  if (found === undefined) {
    throw new R2dError('R2D_UNREACHABLE', `There is no metadata in ${home.metadata}`, {
      hint: 'A snapshot on the volumes can be dumped: --snapshot newest'
    })
  }
  const engine = await openEngine({ ...found, handle: undefined })
  try {
    const row = await engine.get(storeKey())
    if (row === undefined) throw new R2dError('R2D_CORRUPT_RECORD', 'The metadata has no store')
    const { id: storeId } = decodeStoreRecord(row.value)
    return await send(readEngine(engine), { format, storeId }, write)
  } finally {
    await engine[Symbol.asyncDispose]()
  }
}

async function dumpSnapshot(
  { home, format, volumes: named }: DumpOptions,
  number: number,
  write: (piece: Buffer) => Promise<void>
): Promise<number> {
  const volumes = await findVolumes(home, named)
  const storeId = volumes[0]?.storeId ?? Buffer.alloc(16)
  const source = openKeySource(home, loadConfig(home).key.command, takeKeyVariables())
  const masterKeys = await source.read()
  const onFault = (): void => undefined
  const contents = await readContents(volumes, { files: nodeFiles, storeId, masterKeys, onFault })
  const snapshot = await chooseSnapshot(contents, number, onFault)
  const rows = async function* (): AsyncGenerator<DumpRow[], void> {
    for await (const run of readSnapshot(snapshot, nodeFiles, onFault)) {
      yield run.flatMap(({ key, value }) => (value === undefined ? [] : [{ key, value }]))
    }
  }
  return send(rows(), { format, storeId }, write)
}

async function* readEngine(engine: Engine): AsyncGenerator<DumpRow[], void> {
  await using cursor = engine.scan(everyRow())
  for (;;) {
    const entries = await cursor.read(rowsAtOnce)
    if (entries.length === 0) return
    yield entries
  }
}

async function send(
  runs: AsyncIterable<DumpRow[]>,
  options: { format: DumpFormat; storeId: Buffer },
  write: (piece: Buffer) => Promise<void>
): Promise<number> {
  let count = 0
  const counted = async function* (): AsyncGenerator<DumpRow[], void> {
    for await (const run of runs) {
      count += run.length
      yield run
    }
  }
  for await (const piece of encodeDump(counted(), options)) await write(piece)
  return count
}

/** The journal is not begun in it: the next start makes a snapshot first. */
export async function loadMetadata(
  { home, replaces }: { home: Home; replaces: boolean },
  pieces: AsyncIterable<Uint8Array>
): Promise<{ rows: number; replaced: string | undefined }> {
  const engineName = await chooseEngine(home, loadConfig(home).metadata.engine)
  const { result, replaced } = await makeMetadata({ home, engineName, replaces }, async engine => {
    let rows = 0
    let held: DumpRow[] = []
    for await (const run of decodeDump(pieces)) {
      rows += run.length
      held.push(...run)
      if (held.length < rowsAtOnce) continue
      await engine.commit({ checks: [], puts: held, deletes: [] })
      held = []
    }
    await engine.commit({ checks: [], puts: held, deletes: [] })
    if ((await engine.get(storeKey())) === undefined) {
      throw new R2dError('R2D_CORRUPT_RECORD', 'The dump has no row of the store')
    }
    const position = await readPosition(engine)
    const left = { term: 1, sequence: 1, ...position, isJournaled: false, keys: [] }
    await engine.commit({ checks: [], puts: [positionRow(left)], deletes: [] })
    return rows
  })
  return { rows: result, replaced }
}
