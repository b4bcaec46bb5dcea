// Crashes by the thousand: a store runs on a simulated disk, and at any step a power cut is imagined. Each image is opened as a
// store after a crash is, and asked for everything that was acknowledged by then.
//
// Method: each writer has keys of its own, so that the order of what it did to a key is known. It notes what it is about
// to do, does it, and notes the answer. In an image, a key must be as it was last acknowledged, or as what was under way
// would have made it: whole, and the same in GET and LIST. Background work runs beside the writers, and once more
// in the image: then rows count exactly what refers to them, and everything is asked for again. What POSIX lets a disk do to what was not synced,
// simulated-disk.ts draws from the seed. (ALICE, and FoundationDB's simulation, are of this kind.)

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { R2dError } from '../../src/errors.ts'
import { Releaser } from '../../src/maintenance/release.ts'
import type { Store } from '../../src/objects/store.ts'
import { assertExactReferences } from '../maintenance/recount.ts'
import { bodyOf, openStoreOn, plain, readAll, type TestStore } from '../objects/open-store.ts'
import { MemoryEngine } from './memory-engine.ts'
import { Random } from './random.ts'
import { SimulatedDisk } from './simulated-disk.ts'

const bucket = 'images'
const writerCount = 4
const keysPerWriter = 4
const stepsPerWriter = 14
const sizes = [0, 1, 4096, 30_000, 65_536, 65_537, 140_000, 262_144] as const
/** Written by the gateway's own writer, and hashed by another thread: slower, and so fewer. */
const largeSize = 300_000
/** Of the steps at which a crash could be, how many are looked at. */
const imageShare = 0.12

type Content = { seed: number; size: number } | undefined

interface KeyState {
  acknowledged: Content
  underWay: Content[]
}

type States = Map<string, KeyState>

interface Image {
  disk: SimulatedDisk
  engine: MemoryEngine
  states: States
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
  const states: States = new Map()
  const images: Image[] = []
  const chance = new Random(`${seed} crash`)
  const step = (): void => {
    if (images.length >= imageCountMax || !chance.chance(imageShare)) return
    images.push({
      disk: disk.crash(chance),
      engine: engine.crash(chance),
      states: new Map([...states].map(([key, state]) => [key, copyOf(state)]))
    })
  }
  disk.onStep = step
  engine.onStep = step

  const writers = Array.from({ length: writerCount }, (_, writer) =>
    write(open.store, writer, new Random(`${seed} writer ${writer}`), states, figures)
  )
  const isDone = new AbortController()
  const working = work(open, isDone.signal)
  await Promise.all(writers)
  isDone.abort()
  await working
  await open.close()

  for (const image of images) {
    const reopened = await openStoreOn({ ...home, engine: image.engine, files: image.disk })
    try {
      await verify(reopened, image.states, figures)
      await releaserOf(reopened).round(new AbortController().signal)
      const { discards } = await assertExactReferences(reopened.context.metadata)
      assert.equal(discards, 0)
      await verify(reopened, image.states, figures)
      figures.images++
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

const copyOf = ({ acknowledged, underWay }: KeyState): KeyState => ({
  acknowledged,
  underWay: [...underWay]
})

async function write(
  store: Store,
  writer: number,
  random: Random,
  states: States,
  figures: ImageFigures
): Promise<void> {
  const keyOf = (): string => `w${writer}/k${random.below(keysPerWriter)}`
  const size = (): number =>
    random.below(24) === 0 ? largeSize : (sizes[random.below(sizes.length)] ?? 0)

  for (let step = 0; step < stepsPerWriter; step++) {
    const key = keyOf()
    const content = { seed: writer * 1000 + step, size: size() }
    switch (random.below(8)) {
      case 0:
        await attempt(states, key, undefined, figures, () => store.delete(bucket, [key]))
        break
      case 1: {
        const sourceKey = keyOf()
        const source = states.get(sourceKey)?.acknowledged
        if (source === undefined) break
        const copy = { sourceBucket: bucket, sourceKey, bucket, key }
        await attempt(states, key, source, figures, () => store.copy(copy))
        break
      }
      case 2:
        await upload(store, key, content, random, states, figures)
        break
      default:
        await attempt(states, key, content, figures, () =>
          store.put(bucket, key, bodyOf(bytesOf(content)), plain)
        )
    }
  }
}

/** As an upload of one part, for which there is no least size; completed or aborted. */
async function upload(
  store: Store,
  key: string,
  content: { seed: number; size: number },
  random: Random,
  states: States,
  figures: ImageFigures
): Promise<void> {
  const options = { httpMetadata: {}, customMetadata: [], checksum: undefined }
  const uploadId = await store.createUpload(bucket, key, options)
  const target = { bucket, key, uploadId }
  const body = bodyOf(bytesOf(content))
  const { number, etag } = await store.uploadPart({ ...target, partNumber: 1 }, body, {
    digests: []
  })
  if (random.chance(0.3)) {
    await store.abortUpload(target)
    return
  }
  const parts = [{ number, etag, checksums: {} }]
  await attempt(states, key, content, figures, () =>
    store.completeUpload(target, { parts, checksums: {}, requiresEvenParts: false })
  )
}

async function attempt(
  states: States,
  key: string,
  content: Content,
  figures: ImageFigures,
  write: () => Promise<unknown>
): Promise<void> {
  const state = states.get(key) ?? { acknowledged: undefined, underWay: [] }
  states.set(key, state)
  state.underWay.push(content)
  await write()
  state.acknowledged = content
  state.underWay = []
  figures.acknowledged++
}

async function verify({ store }: TestStore, states: States, figures: ImageFigures): Promise<void> {
  const options = { prefix: '', delimiter: '', startAfter: '', limit: 1000 }
  const { objects } = await store.list(bucket, options)
  const listed = new Map(objects.map(object => [object.key, object]))

  for (const [key, { acknowledged, underWay }] of states) {
    const bytes = await read(store, key)
    const expected = [acknowledged, ...underWay]
    const match = expected.findIndex(content => isContent(bytes, content))
    assert(match !== -1, `${key} is neither as acknowledged nor as any write under way has it`)
    assert.equal(listed.has(key), bytes !== undefined, `${key} is listed as it is read`)
    if (bytes !== undefined) assert.equal(listed.get(key)?.size, bytes.length)
    if (match > 0) figures.found++
    figures.checked++
  }
  for (const key of listed.keys()) assert(states.has(key), `${key} was never written`)
}

async function read(store: Store, key: string): Promise<Buffer | undefined> {
  try {
    const result = await store.get(bucket, key, {})
    assert(result.kind === 'object')
    return await readAll(result.body)
  } catch (error) {
    if (error instanceof R2dError && error.code === 'R2D_NO_SUCH_KEY') return undefined
    throw error
  }
}

const isContent = (bytes: Buffer | undefined, content: Content): boolean =>
  content === undefined ? bytes === undefined : bytes?.equals(bytesOf(content)) === true

function bytesOf({ seed, size }: { seed: number; size: number }): Buffer {
  const content = Buffer.alloc(size)
  const block = createHash('sha512').update(`content ${seed}`).digest()
  for (let offset = 0, n = 0; offset < size; offset += block.length, n++) {
    block.writeUInt32LE(n)
    block.copy(content, offset)
  }
  return content
}
