// Disks that fail under writers and readers, one after the other: nothing acknowledged is lost while another replica is good.
//
// Method: in each round one volume is the victim, and is hurt in every way that a disk can hurt: calls that fail, bits that flip,
// segments that end early or are gone. Writes may be refused, reads may not. Then the disk works again, every extent is
// repaired from its other replica, and everything is compared with what was acknowledged; so the next round's victim
// finds two good replicas of everything.

import assert from 'node:assert/strict'
import { R2dError } from '../../src/errors.ts'
import { repairExtent } from '../../src/maintenance/repair-extent.ts'
import { openStoreOn, type TestStore } from '../objects/open-store.ts'
import { History } from './history.ts'
import { MemoryEngine } from './memory-engine.ts'
import { Random } from './random.ts'
import { keyOf, performWrite } from './random-write.ts'
import { errno, SimulatedDisk, type Fault } from './simulated-disk.ts'

const bucket = 'faults'
const home = { path: '/simulated', masterKey: Buffer.alloc(32, 7) }
const writerCount = 4
const stepsPerRound = 12
/** Calls on the victim that fail, in a round that has such faults. */
const failingShare = 0.2
/** Codes with which writes may be refused while a volume fails. */
const refusals: readonly string[] = ['R2D_UNAVAILABLE', 'R2D_STORE_FULL']

const kinds = ['write', 'sync', 'full', 'read', 'flip', 'cut', 'lose', 'lose all'] as const
type Kind = (typeof kinds)[number]

export interface FaultFigures {
  rounds: number
  /** Calls that were failed, and files that were hurt. */
  faults: number
  byKind: Partial<Record<Kind, number>>
  acknowledged: number
  refused: number
  checked: number
  /** Extents of which a replica was made again. */
  repaired: number
}

/** Rounds until `faultCount` faults were met. */
export async function runFaultRounds(seed: number, faultCount: number): Promise<FaultFigures> {
  const random = new Random(`${seed} faults`)
  const disk = new SimulatedDisk(random)
  const engine = new MemoryEngine(random)
  const history = new History()
  const figures: FaultFigures = {
    rounds: 0,
    faults: 0,
    byKind: {},
    acknowledged: 0,
    refused: 0,
    checked: 0,
    repaired: 0
  }

  while (figures.faults < faultCount) {
    const kind = kinds[random.below(kinds.length)] ?? 'write'
    try {
      await runRound({ disk, engine, history, figures, random, kind })
    } catch (error) {
      throw new Error(`Round ${figures.rounds} of seed ${seed}: ${kind}`, { cause: error })
    }
    figures.rounds++
  }
  figures.acknowledged = history.acknowledged
  figures.checked = history.checked
  return figures
}

interface Round {
  disk: SimulatedDisk
  engine: MemoryEngine
  history: History
  figures: FaultFigures
  random: Random
  kind: Kind
}

async function runRound(round: Round): Promise<void> {
  const { disk, engine, history, figures, random, kind } = round
  const open = await openStoreOn({ ...home, engine, files: disk })
  if (figures.rounds === 0) await open.store.createBucket(bucket, {})
  const victim = `volume-${1 + random.below(3)}/segments`
  const before = figures.faults
  const count = (): void => {
    figures.faults++
    figures.byKind[kind] = (figures.byKind[kind] ?? 0) + 1
  }

  disk.fault = failing(kind, victim, random, count)
  const writers = Array.from({ length: writerCount }, (_, writer) => use(open, writer, round))
  hurt(round, victim, count)
  await Promise.all(writers)
  disk.fault = () => undefined
  // What failed under a request was reported.
  if (['write', 'sync', 'full'].includes(kind) && figures.faults > before) {
    assert(open.faults.length > 0, 'a failed call is a fault in the log')
  }
  await open.close()

  const reopened = await openStoreOn({ ...home, engine, files: disk })
  await repairAll(reopened, figures)
  await history.verify(reopened.store, bucket)
  await history.settle(reopened.store, bucket)
  assert.deepEqual(reopened.faults, [], 'all replicas that were read are right again')
  await reopened.close()
}

async function use(open: TestStore, writer: number, round: Round): Promise<void> {
  const { history, figures, random } = round
  for (let step = 0; step < stepsPerRound; step++) {
    const number = figures.rounds * stepsPerRound + step
    try {
      await performWrite({ store: open.store, bucket, writer, step: number, random, history })
    } catch (error) {
      if (!(error instanceof R2dError) || !refusals.includes(error.code)) throw error
      figures.refused++
    }
    await history.verifyKey(open.store, bucket, keyOf(writer, random))
  }
}

/** Of calls on the victim, some fail. */
function failing(kind: Kind, victim: string, random: Random, count: () => void): Fault {
  const codes: Partial<Record<Kind, string>> = {
    write: 'EIO',
    sync: 'EIO',
    full: 'ENOSPC',
    read: 'EIO'
  }
  const code = codes[kind]
  if (code === undefined) return () => undefined

  return (operation, path) => {
    const isMeant =
      kind === 'full' ? operation === 'write' || operation === 'create' : operation === kind
    if (!isMeant || !path.includes(victim) || !random.chance(failingShare)) return undefined
    count()
    return errno(code, path)
  }
}

/** What is on the victim is damaged. */
function hurt({ disk, random, kind }: Round, victim: string, count: () => void): void {
  const paths = disk.paths.filter(path => path.includes(victim) && disk.lengthOf(path) > 0)
  const some = paths.filter(() => kind === 'lose all' || random.chance(0.5))
  for (const path of some) {
    const length = disk.lengthOf(path)
    if (kind === 'flip') {
      for (let flips = 1 + random.below(20); flips > 0; flips--) {
        disk.flip(path, random.below(length), random.below(8))
      }
    } else if (kind === 'cut') disk.cut(path, random.below(length))
    else if (kind === 'lose' || kind === 'lose all') disk.lose(path)
    else return
    count()
  }
}

/** Afterwards every replica of every extent is right. */
async function repairAll({ context, volumes }: TestStore, figures: FaultFigures): Promise<void> {
  const { metadata, committer, writer, writes } = context
  for (const wanted of ['repaired', 'whole']) {
    await using cursor = metadata.scan({ gte: Buffer.from('e'), lt: Buffer.from('f') })
    for (const { key } of await cursor.read(1_000_000)) {
      const work = { metadata, committer, volumes, writer, writes }
      const outcome = await repairExtent(work, key.subarray(1))
      assert(outcome?.kind === 'whole' || outcome?.kind === wanted, JSON.stringify(outcome))
      if (outcome.kind === 'repaired') figures.repaired++
    }
  }
}
