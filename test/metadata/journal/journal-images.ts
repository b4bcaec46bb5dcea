// Crashes of the journal by the thousand: commits go to an engine and a journal on a simulated disk, and at any step a power cut is
// imagined. From each image the metadata is rebuilt from the disk alone, and opened with what the crash left of the engine.
//
// Method: one commit after the other, as the committer has them. The model knows the rows after the last commit that was
// acknowledged, and after the one that was not, if there is one: under way, or failed. An image must be one of these, by both ways;
// and once the journal is open again, a rebuild must be what the engine is, row for row. Meanwhile snapshots are
// made and old files removed, the journal is taken up again as by another thread, one volume fails, and so does the engine.

import assert from 'node:assert/strict'
import { inspect } from 'node:util'
import { Keyring } from '../../../src/crypto/keyring.ts'
import { R2dError } from '../../../src/errors.ts'
import type { Batch, Engine } from '../../../src/metadata/engine.ts'
import { everyRow, journalPositionKey, locationKey } from '../../../src/metadata/keys.ts'
import { encodeLocationRecord } from '../../../src/metadata/location-record.ts'
import {
  JournaledEngine,
  journalVolumes,
  readCopies
} from '../../../src/metadata/journal/journaled-engine.ts'
import { readJournalKeys } from '../../../src/metadata/journal/journal-key.ts'
import { prune } from '../../../src/metadata/journal/prune.ts'
import { readContents, rebuildRows, type Rebuilt } from '../../../src/metadata/journal/rebuild.ts'
import { writeSnapshot } from '../../../src/metadata/journal/snapshot-writer.ts'
import { createVolume } from '../../../src/storage/superblock.ts'
import { VolumeSet, type VolumeDescription } from '../../../src/storage/volume-set.ts'
import { MemoryEngine } from '../../simulation/memory-engine.ts'
import { Random } from '../../simulation/random.ts'
import { SimulatedDisk } from '../../simulation/simulated-disk.ts'

export const storeId = Buffer.alloc(16, 3)
export const keyring = Keyring.of(Buffer.alloc(32, 7))
const masterKeys = [keyring.current.key]
const location = 'here'
const commitCount = 60
const imageShare = 0.05

export type Rows = Map<string, string>

/** The rows that an image may have, besides the location's. */
interface Allowed {
  rows: Rows[]
}

interface Image {
  disk: SimulatedDisk
  engine: MemoryEngine
  allowed: Allowed
}

export interface JournalFigures {
  images: number
  acknowledged: number
  failed: number
  snapshots: number
  /** Commits that an image's engine lacked and its journal had. */
  rolledForward: number
  /** Of images with a commit that was not acknowledged, those that a rebuild found it in. */
  found: number
}

async function openVolumesOn(
  disk: SimulatedDisk,
  descriptions: readonly VolumeDescription[],
  clock: { now: number }
): Promise<VolumeSet> {
  const onFault = (): void => undefined
  return VolumeSet.open(descriptions, { storeId, onFault, files: disk, now: () => clock.now++ })
}

async function makeVolumes(disk: SimulatedDisk): Promise<VolumeDescription[]> {
  const descriptions: VolumeDescription[] = []
  for (const number of [1, 2, 3]) {
    const path = `/v${number}`
    const { id } = await createVolume(path, { storeId, number }, disk)
    descriptions.push({ number, id, path, location, failureDomain: '', recorded: 'active' })
  }
  return descriptions
}

export function openJournal(
  engine: Engine,
  volumes: VolumeSet,
  random: Random,
  onRolledForward: (count: number) => void = () => undefined
): Promise<JournaledEngine> {
  const onFault = (): void => undefined
  return JournaledEngine.open(engine, {
    volumes,
    keyring,
    location,
    onFault,
    onRolledForward,
    random: () => random.below(1000) / 1000
  })
}

export async function rebuildFrom(
  volumes: VolumeSet,
  random: Random
): Promise<{ rows: Rows; rebuilt: Rebuilt }> {
  const options = { files: volumes.files, storeId, masterKeys, onFault: () => undefined }
  const contents = await readContents(journalVolumes(volumes), options)
  const engine = new MemoryEngine(random)
  const rebuilt = await rebuildRows(contents, engine, options)
  return { rows: await rowsOf(engine), rebuilt }
}

async function takeSnapshot(engine: Engine, volumes: VolumeSet, random: Random): Promise<void> {
  const paths = volumes.all().map(({ path }) => path)
  const keys = await readJournalKeys(paths, { storeId, masterKeys }, volumes.files)
  const [key] = keys
  assert(key !== undefined)
  const copies = await readCopies(engine, location)
  const snapshot = await writeSnapshot({
    engine,
    volumes,
    keyring,
    key,
    copies,
    random: () => random.below(1000) / 1000
  })
  const source = { files: volumes.files, storeId, keys }
  await prune(journalVolumes(volumes), source, { newest: snapshot, began: Infinity })
}

/** But for the position, which says where a commit came from. */
export async function rowsOf(engine: Engine): Promise<Rows> {
  const rows: Rows = new Map()
  await using cursor = engine.scan(everyRow())
  for (;;) {
    const entries = await cursor.read(100)
    if (entries.length === 0) return rows
    for (const { key, value } of entries) {
      if (!key.equals(journalPositionKey())) rows.set(key.toString(), value.toString('latin1'))
    }
  }
}

export const locationRow = {
  key: locationKey(location),
  value: encodeLocationRecord({ replicaCount: 2, replicaCountMin: 2 })
}

/** Runs commits, and verifies every image that is taken of them. The seed decides what is done and what is lost. */
export async function runJournalImages(seed: number): Promise<JournalFigures> {
  const run = new JournalRun(seed)
  await run.write()
  for (const [index, image] of run.images.entries()) {
    try {
      await run.verify(image, index)
    } catch (error) {
      throw new Error(`Image ${index} of seed ${seed}: ${inspect(error)}`, { cause: error })
    }
  }
  return run.figures
}

class JournalRun {
  readonly figures: JournalFigures = {
    images: 0,
    acknowledged: 0,
    failed: 0,
    snapshots: 0,
    rolledForward: 0,
    found: 0
  }
  readonly images: Image[] = []
  readonly #seed: number
  readonly #random: Random
  #descriptions: VolumeDescription[] = []
  readonly #clock = { now: 1_000_000 }
  readonly #allowed: Allowed = { rows: [] }

  constructor(seed: number) {
    this.#seed = seed
    this.#random = new Random(`${seed} commits`)
  }

  async write(): Promise<void> {
    const random = this.#random
    const scheduler = new Random(`${this.#seed} run`)
    const disk = new SimulatedDisk(scheduler)
    const memory = new MemoryEngine(scheduler)
    this.#descriptions = await makeVolumes(disk)
    const volumes = await openVolumesOn(disk, this.#descriptions, this.#clock)
    await memory.commit({ checks: [], puts: [locationRow], deletes: [] })
    const engine = new FailingEngine(memory)
    let journal = await openJournal(engine, volumes, random)
    await journal.reach()
    let rows = await rowsOf(memory)
    this.#allowed.rows = [rows]
    this.#watch(disk, memory)

    const failAt = random.below(2 * commitCount)
    for (let n = 0; n < commitCount; n++) {
      if (n === failAt) failVolume(disk, random.below(3) + 1)
      if (random.chance(0.08)) {
        await journal.leave()
        journal = await openJournal(engine, volumes, random)
        // A commit that failed in the engine may be in the journal, and comes in now: whole.
        rows = await rowsOf(memory)
        requireAllowed(rows, this.#allowed, 'the engine')
      }
      engine.fails = random.chance(0.05) ? random.pick(['before', 'after']) : undefined
      const snapshot = random.chance(0.1)
        ? this.#snapshot(engine, volumes, new Random(`${this.#seed} snapshot ${n}`))
        : undefined
      rows = await this.#commit(journal, memory, randomBatch(random, n), rows)
      await snapshot
    }
    await journal.leave()
  }

  /** The rows as the engine then has them. */
  async #commit(
    journal: JournaledEngine,
    memory: MemoryEngine,
    batch: Batch,
    rows: Rows
  ): Promise<Rows> {
    const after = applied(rows, batch)
    this.#allowed.rows = [...this.#allowed.rows, after]
    try {
      await journal.commit(batch)
    } catch (error) {
      if (!(error instanceof R2dError)) throw error
      this.figures.failed++
      const found = await rowsOf(memory)
      assert([rows, after].some(each => isSame(each, found)))
      return found
    }
    this.figures.acknowledged++
    this.#allowed.rows = [after]
    return after
  }

  async #snapshot(engine: Engine, volumes: VolumeSet, random: Random): Promise<void> {
    try {
      await takeSnapshot(engine, volumes, random)
      this.figures.snapshots++
    } catch (error) {
      if (!(error instanceof R2dError)) throw error
    }
  }

  #watch(disk: SimulatedDisk, engine: MemoryEngine): void {
    const chance = new Random(`${this.#seed} crash`)
    const step = (): void => {
      if (!chance.chance(imageShare)) return
      const allowed = { rows: this.#allowed.rows }
      this.images.push({ disk: disk.crash(chance), engine: engine.crash(chance), allowed })
    }
    disk.onStep = step
    engine.onStep = step
  }

  async verify({ disk, engine, allowed }: Image, index: number): Promise<void> {
    const random = new Random(`${this.#seed} image ${index}`)
    const volumes = await openVolumesOn(disk, this.#descriptions, this.#clock)
    const first = await rebuildFrom(volumes, random)
    assert.equal(first.rebuilt.gapBefore, undefined)
    requireAllowed(first.rows, allowed, 'a rebuild')
    const [settled] = allowed.rows
    if (settled !== undefined && !isSame(settled, first.rows)) this.figures.found++

    const journal = await openJournal(engine, volumes, random, count => {
      this.figures.rolledForward += count
    })
    requireAllowed(await rowsOf(engine), allowed, 'the engine')
    for (let n = 0; n < 3; n++) await journal.commit(randomBatch(random, n))
    if (random.chance(0.3)) await takeSnapshot(engine, volumes, random)
    await journal.commit(randomBatch(random, 3))
    const second = await rebuildFrom(volumes, random)
    assert.equal(second.rebuilt.gapBefore, undefined)
    assert.deepEqual(second.rows, await rowsOf(engine))
    this.figures.images++
  }
}

/** Fails a commit when told to: before it is in the engine, or after. */
class FailingEngine implements Engine {
  readonly name = 'classic-level'
  readonly handle = undefined
  readonly #engine: MemoryEngine
  fails: 'before' | 'after' | undefined

  constructor(engine: MemoryEngine) {
    this.#engine = engine
  }

  get(key: Buffer): ReturnType<Engine['get']> {
    return this.#engine.get(key)
  }

  getMany(keys: readonly Buffer[]): ReturnType<Engine['getMany']> {
    return this.#engine.getMany(keys)
  }

  scan(range: Parameters<Engine['scan']>[0]): ReturnType<Engine['scan']> {
    return this.#engine.scan(range)
  }

  scanValues(range: Parameters<Engine['scanValues']>[0]): ReturnType<Engine['scanValues']> {
    return this.#engine.scanValues(range)
  }

  async commit(batch: Batch): Promise<void> {
    const { fails } = this
    this.fails = undefined
    if (fails !== 'before') await this.#engine.commit(batch)
    if (fails !== undefined) throw new R2dError('R2D_UNAVAILABLE', 'EIO: injected')
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve()
  }
}

function failVolume(disk: SimulatedDisk, number: number): void {
  disk.fault = (operation, path) =>
    operation !== 'read' && path.startsWith(`/v${number}/`)
      ? Object.assign(new Error('EIO: injected'), { code: 'EIO' })
      : undefined
}

function randomBatch(random: Random, n: number): Batch {
  const names = new Set(Array.from({ length: 1 + random.below(4) }, () => `x${random.below(12)}`))
  const puts = []
  const deletes = []
  for (const name of names) {
    if (random.chance(0.25)) deletes.push(Buffer.from(name))
    else puts.push({ key: Buffer.from(name), value: Buffer.alloc(random.below(3000), `${n} `) })
  }
  return { checks: [], puts, deletes }
}

function applied(rows: Rows, { puts, deletes }: Batch): Rows {
  const after = new Map(rows)
  for (const { key, value } of puts) after.set(key.toString(), value.toString('latin1'))
  for (const key of deletes) after.delete(key.toString())
  return after
}

function requireAllowed(rows: Rows, allowed: Allowed, what: string): void {
  assert(
    allowed.rows.some(each => isSame(each, rows)),
    `${what} has rows that were never committed, or lacks acknowledged ones`
  )
}

function isSame(a: Rows, b: Rows): boolean {
  return a.size === b.size && [...a].every(([name, value]) => b.get(name) === value)
}
