// Crashes by the thousand: a store runs on a simulated disk, and at any step a power cut is imagined. Each image is opened as a
// store after a crash is, and asked for everything that was acknowledged by then.
//
// Method: writers note what they ask for and what is answered (test/model/history.ts). In an image, a key must be as it was last
// acknowledged, or as what was under way would have made it: whole, and the same in GET and LIST. Background work runs beside the writers, and once more
// in the image: then rows count exactly what refers to them, and everything is asked for again. What POSIX lets a disk do to what was not synced,
// simulated-disk.ts draws from the seed. (ALICE, and FoundationDB's simulation, are of this kind.)

import assert from 'node:assert/strict'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { Releaser } from '../../src/maintenance/release.ts'
import type { Store } from '../../src/objects/store.ts'
import { assertExactReferences } from '../maintenance/recount.ts'
import { History } from './history.ts'
import { performWrite } from './random-write.ts'
import { openStoreOn, type TestStore } from '../objects/open-store.ts'
import { MemoryEngine } from './memory-engine.ts'
import { Random } from './random.ts'
import { SimulatedDisk } from './simulated-disk.ts'

const bucket = 'images'
const writerCount = 4
const stepsPerWriter = 14
/** Of the steps at which a crash could be, how many are looked at. */
const imageShare = 0.12

interface Image {
  disk: SimulatedDisk
  engine: MemoryEngine
  history: History
}

export interface ImageFigures {
  images: number
  /** Reads that were compared. */
  checked: number
  acknowledged: number
  /** Of keys with something under way, those that had it. */
  found: number
}

/** Runs a store under writers, and verifies every image that is taken of it. The seed decides what is done and what is lost. */
export async function runCrashImages(seed: number, imageCountMax: number): Promise<ImageFigures> {
  const random = new Random(`${seed} run`)
  const disk = new SimulatedDisk(random)
  const engine = new MemoryEngine(random)
  const home = { path: '/simulated', masterKey: Buffer.alloc(32, 7) }
  const open = await openStoreOn({ ...home, engine, files: disk })
  await open.store.createBucket(bucket, {})

  const figures: ImageFigures = { images: 0, checked: 0, acknowledged: 0, found: 0 }
  const history = new History()
  const images: Image[] = []
  const chance = new Random(`${seed} crash`)
  const step = (): void => {
    if (images.length >= imageCountMax || !chance.chance(imageShare)) return
    images.push({
      disk: disk.crash(chance),
      engine: engine.crash(chance),
      history: history.copy()
    })
  }
  disk.onStep = step
  engine.onStep = step

  const writers = Array.from({ length: writerCount }, (_, writer) =>
    write(open.store, writer, new Random(`${seed} writer ${writer}`), history)
  )
  const isDone = new AbortController()
  const working = work(open, isDone.signal)
  await Promise.all(writers)
  isDone.abort()
  await working
  await open.close()
  figures.acknowledged = history.acknowledged

  for (const image of images) {
    const reopened = await openStoreOn({ ...home, engine: image.engine, files: image.disk })
    try {
      await image.history.verify(reopened.store, bucket)
      await releaserOf(reopened).round(new AbortController().signal)
      const { discards } = await assertExactReferences(reopened.context.metadata)
      assert.equal(discards, 0)
      await image.history.verify(reopened.store, bucket)
      figures.images++
      figures.checked += image.history.checked
      figures.found += image.history.found
    } catch (error) {
      throw new Error(`Image ${figures.images} of seed ${seed}`, { cause: error })
    } finally {
      await reopened.close()
    }
  }
  return figures
}

/** What the daemon does in the background, as often as there is a turn for it. */
async function work(open: TestStore, signal: AbortSignal): Promise<void> {
  const releaser = releaserOf(open)
  while (!signal.aborted) {
    await releaser.round(signal)
    await nextTurn()
  }
}

function releaserOf({ context, reads }: TestStore): Releaser {
  return new Releaser({
    metadata: context.metadata,
    committer: context.committer,
    reads,
    onFreed: () => undefined,
    onUnheard: () => assert.fail('Every commit is heard of'),
    now: Date.now
  })
}

async function write(
  store: Store,
  writer: number,
  random: Random,
  history: History
): Promise<void> {
  for (let step = 0; step < stepsPerWriter; step++) {
    await performWrite({ store, bucket, writer, step, random, history })
  }
}
