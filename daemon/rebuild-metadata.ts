/**
 * `r2d meta rebuild` and `restore`: a new metadata directory from what the volumes have, with the master key.
 *
 * The volumes are those in the home, or those that are named, and then all that the metadata itself turns out to name: what only
 * they have would be missing. A volume that is found in another place than its row says gets a new row.
 */

import { loadConfig } from '../src/config.ts'
import { R2dError } from '../src/errors.ts'
import { nodeFiles } from '../src/file.ts'
import type { Home } from '../src/home.ts'
import type { Engine, Put } from '../src/metadata/engine.ts'
import type { JournalFault } from '../src/metadata/journal/journal-files.ts'
import { readCopies } from '../src/metadata/journal/journaled-engine.ts'
import {
  readContents,
  rebuildRows,
  restoreRows,
  type ContentsOptions,
  type Rebuilt,
  type VolumeContents
} from '../src/metadata/journal/rebuild.ts'
import { storeKey, volumeKey } from '../src/metadata/keys.ts'
import { decodeStoreRecord } from '../src/metadata/store-record.ts'
import { encodeVolumeRecord } from '../src/metadata/volume-record.ts'
import { findVolume, findVolumes, type FoundVolume } from './find-volumes.ts'
import { openKeySource, takeKeyVariables, type KeyVariables } from './key-source.ts'
import { chooseEngine } from './main.ts'
import { makeMetadata, requireNoDaemon } from './metadata-directory.ts'
import { unlockStore } from './open-store.ts'
import { pathInRow, readVolumeRows } from './volume-rows.ts'

export interface RebuildOptions {
  home: Home
  /** Directories; none: those in the home. */
  volumes: readonly string[]
  replaces: boolean
  /** Goes on where something is known to be missing. */
  acceptsLoss: boolean
  /** The number of a snapshot, whose rows alone are wanted, without the journal behind it; 0 is the newest. */
  snapshot?: number
  onProgress: (message: string) => void
  variables?: KeyVariables
}

export interface RebuildReport {
  snapshot: { number: number; time: string; rows: number }
  /** Commits that the journal had behind it. */
  commits: number
  volumes: { number: number; path: string }[]
  /** What the metadata names, and was not found. */
  missing: { number: number; path: string }[]
  faults: JournalFault[]
  /** What is known to be missing. */
  losses: string[]
  replaced?: string
}

interface Pass {
  rebuilt: Rebuilt
  missing: { number: number; path: string }[]
  /** Found where the new rows say, and not used yet. */
  more: FoundVolume[]
  losses: string[]
}

export async function rebuildMetadata(options: RebuildOptions): Promise<RebuildReport> {
  const { home, replaces, onProgress } = options
  const variables = options.variables ?? takeKeyVariables()
  const config = loadConfig(home)
  const source = openKeySource(home, config.key.command, variables)
  await requireNoDaemon(home)
  const volumes = await findVolumes(home, options.volumes)
  const masterKeys = await source.read()
  const engineName = await chooseEngine(home, config.metadata.engine)

  for (;;) {
    const faults: JournalFault[] = []
    const onFault = (fault: JournalFault): number => faults.push(fault)
    const [first] = volumes
    if (first === undefined) throw new TypeError('There is a volume')
    const { storeId } = first
    onProgress(`Reading volumes ${volumes.map(({ number }) => number).join(', ')}`)
    const reading = { files: nodeFiles, storeId, masterKeys, onFault }
    const contents = await readContents(volumes, reading)
    const fill = async (engine: Engine): Promise<Pass> => {
      const pass = await fillEngine(engine, { contents, reading, volumes, options })
      // Whoever gives a key that opens the journal only, as after a rotation that was not finished, hears of it now.
      await unlockStore(engine, source)
      if (pass.more.length > 0) throw new MoreVolumes(pass.more)
      if (pass.losses.length > 0 && !options.acceptsLoss) throw incomplete(pass.losses)
      return pass
    }
    try {
      const made = await makeMetadata({ home, engineName, replaces }, fill)
      return report(made.result, { volumes, faults, replaced: made.replaced })
    } catch (error) {
      if (!(error instanceof MoreVolumes)) throw error
      volumes.push(...error.volumes)
    }
  }
}

/** Not a failure: the pass is repeated with them. */
class MoreVolumes extends Error {
  readonly volumes: FoundVolume[]

  constructor(volumes: FoundVolume[]) {
    super('The metadata names more volumes')
    this.volumes = volumes
  }
}

async function fillEngine(
  engine: Engine,
  {
    contents,
    reading,
    volumes,
    options
  }: {
    contents: VolumeContents
    reading: ContentsOptions
    volumes: FoundVolume[]
    options: RebuildOptions
  }
): Promise<Pass> {
  const { snapshot } = options
  const rebuilt =
    snapshot === undefined
      ? await rebuildRows(contents, engine, reading)
      : await restoreRows(contents, engine, snapshot, reading)
  const losses: string[] = []
  if (rebuilt.gapBefore !== undefined) {
    losses.push(
      `the commits ${rebuilt.sequence + 1} to ${rebuilt.gapBefore - 1} of the journal are on none of these volumes, ` +
        `and so nothing from there on can be taken over`
    )
  }
  const { missing, more } = await placeVolumes(engine, volumes, options.home)
  const { defaultLocation } = await readStore(engine)
  const { minimum } = await readCopies(engine, defaultLocation)
  if (missing.length >= minimum) {
    const names = missing.map(({ number, path }) => `${number} (${path})`).join(', ')
    losses.push(
      `the metadata is on ${minimum} volumes at least, and ${missing.length} are not here: ${names}. ` +
        'What was committed last may be on them alone'
    )
  }
  return { rebuilt, missing, more, losses }
}

async function readStore(engine: Engine): Promise<{ defaultLocation: string }> {
  const row = await engine.get(storeKey())
  if (row === undefined)
    throw new R2dError('R2D_CORRUPT_RECORD', 'The snapshot has no row of the store')
  return decodeStoreRecord(row.value)
}

/** Rows of volumes that are in another place than they say are written anew. */
async function placeVolumes(
  engine: Engine,
  volumes: readonly FoundVolume[],
  home: Home
): Promise<Pick<Pass, 'missing' | 'more'>> {
  const missing: Pass['missing'] = []
  const more: FoundVolume[] = []
  const puts: Put[] = []
  for (const row of await readVolumeRows(engine, home.path)) {
    const { number, directory: path, ...record } = row
    if (record.state === 'removed' || record.state === 'lost') continue
    const found = volumes.find(({ volumeId }) => volumeId.equals(record.id))
    if (found === undefined) {
      const there = await findVolume(path).catch(() => undefined)
      if (there?.volumeId.equals(record.id) === true) more.push(there)
      else missing.push({ number, path })
    } else if (found.path !== path) {
      const moved = { ...record, path: pathInRow(found.path, home.path) }
      puts.push({ key: volumeKey(number), value: encodeVolumeRecord(moved) })
    }
  }
  if (puts.length > 0) await engine.commit({ checks: [], puts, deletes: [] })
  return { missing, more }
}

function incomplete(losses: readonly string[]): R2dError {
  return new R2dError('R2D_INTEGRITY', `Something would be missing: ${losses.join('; ')}`, {
    hint: 'Mount the other volumes, or name them with --volume; --partial makes what can be made'
  })
}

function report(
  { rebuilt, missing, losses }: Pass,
  {
    volumes,
    faults,
    replaced
  }: { volumes: FoundVolume[]; faults: JournalFault[]; replaced: string | undefined }
): RebuildReport {
  const { snapshot, commits } = rebuilt
  const { number, rows } = snapshot
  return {
    snapshot: { number, time: new Date(number).toISOString(), rows },
    commits,
    volumes: volumes.map(({ number: each, path }) => ({ number: each, path })),
    missing,
    faults,
    losses,
    ...(replaced === undefined ? {} : { replaced })
  }
}
