// Large writes, uploads in parts and reads on disks that fail, stall, stop half way and lie: what is acknowledged is right, what is
// refused is not there, and nothing that was lent is kept.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import test from 'ava'
import fc from 'fast-check'
import { R2dError } from '../../src/errors.ts'
import type { Engine } from '../../src/metadata/engine.ts'
import type { Store } from '../../src/objects/store.ts'
import { openEngine } from '../../daemon/parts.ts'
import { join } from 'node:path'
import {
  makeHome,
  openStoreOn,
  plain,
  type TestHome,
  type TestStore
} from '../objects/open-store.ts'
import { plannedFault, RandomFaults, type PlannedFault } from './random-faults.ts'

const KiB = 1024
const MiB = 1024 * KiB
const bucket = 'bucket'
const everything = { prefix: '', delimiter: '', startAfter: '', limit: 1000 }
const allUploads = { prefix: '', delimiter: '', keyMarker: '', uploadIdMarker: '', limit: 1000 }

/** Every content is a piece of this. */
const base = randomBytes(16 * MiB)

interface Write {
  kind: 'put' | 'parts'
  start: number
  size: number
  pieceSize: number
  isSizeKnown: boolean
  /** The body breaks off here, if it is within it. */
  breaksAt: number
}

interface Read {
  kind: 'get'
  /** Of the key that is read: so many behind this one. */
  other: number
  from: number
  share: number
}

interface Batch {
  faults: PlannedFault[]
  /** At once, each on the key of its place. */
  steps: (Write | Read)[]
}

const write: fc.Arbitrary<Write> = fc.record({
  kind: fc.constantFrom('put' as const, 'put' as const, 'parts' as const),
  start: fc.nat(MiB),
  size: fc.oneof(fc.nat(300 * KiB), fc.integer({ min: 1, max: 9 * MiB })),
  pieceSize: fc.integer({ min: 20 * KiB, max: 300 * KiB }),
  isSizeKnown: fc.boolean(),
  breaksAt: fc.oneof(
    { arbitrary: fc.constant(Infinity), weight: 4 },
    { arbitrary: fc.nat(6 * MiB), weight: 1 }
  )
})
const read: fc.Arbitrary<Read> = fc.record({
  kind: fc.constant('get' as const),
  other: fc.nat(3),
  from: fc.double({ min: 0, max: 0.99, noNaN: true }),
  share: fc.double({ min: 0, max: 1, noNaN: true })
})
const batch: fc.Arbitrary<Batch> = fc.record({
  faults: fc.array(plannedFault, { minLength: 1, maxLength: 6, size: 'max' }),
  steps: fc.array(fc.oneof(write, write, read), { minLength: 2, maxLength: 5, size: 'max' })
})

/** Pieces of one buffer: what was in it is gone once the next is asked for, as it is with a socket's. */
async function* bodyOf({ start, size, pieceSize, breaksAt }: Write): AsyncGenerator<Buffer> {
  const memory = Buffer.alloc(pieceSize)
  for (let offset = 0; offset < size; offset += pieceSize) {
    const end = Math.min(size, offset + pieceSize)
    if (end > breaksAt) throw new R2dError('R2D_FORBIDDEN', 'The body breaks off')
    const count = base.copy(memory, 0, start + offset, start + end)
    yield memory.subarray(0, count)
    memory.fill(0xee)
    await nextTurn()
  }
}

/** What a disk may make of a request. */
const excuses = new Set(['R2D_UNAVAILABLE', 'R2D_STORE_FULL', 'R2D_EXTENT_UNREADABLE'])

function requireExcuse(error: unknown, breaks: boolean): void {
  assert(error instanceof R2dError, String(error))
  if (breaks && error.code === 'R2D_FORBIDDEN') return
  assert(excuses.has(error.code), `${error.code}: ${error.message}`)
}

class Run {
  /** What is at each key. */
  readonly #expected = new Map<string, Buffer>()
  readonly #store: Store

  constructor(store: Store) {
    this.#store = store
  }

  /** Of what was acknowledged. */
  get keyCount(): number {
    return this.#expected.size
  }

  async batch({ steps }: Batch): Promise<void> {
    const before = new Map(this.#expected)
    const underWay = new Map<string, Buffer>()
    for (const [index, step] of steps.entries()) {
      if (step.kind !== 'get') underWay.set(`key-${index}`, contentOf(step))
    }
    await Promise.all(
      steps.map(async (step, index) => {
        if (step.kind !== 'get') return this.#write(`key-${index}`, step)
        const key = `key-${(index + step.other) % 5}`
        const possible = [before.get(key), underWay.get(key)]
        return this.#read(key, step, possible)
      })
    )
  }

  /** Everything that was acknowledged, and nothing else. */
  async check(store: Store): Promise<void> {
    const { objects } = await store.list(bucket, everything)
    assert.deepEqual(
      objects.map(({ key }) => key),
      [...this.#expected.keys()].sort()
    )
    for (const [key, content] of this.#expected) {
      const result = await store.get(bucket, key, {})
      assert(result.kind === 'object')
      assert((await collect(result.body)).equals(content), key)
    }
    assert.deepEqual((await store.listUploads(bucket, allUploads)).uploads, [])
  }

  async #write(key: string, step: Write): Promise<void> {
    try {
      if (step.kind === 'put') {
        const size = step.isSizeKnown ? { size: step.size } : {}
        await this.#store.put(bucket, key, bodyOf(step), { ...plain, ...size, digests: ['crc32'] })
      } else await this.#writeInParts(key, step)
      assert(step.breaksAt >= step.size, 'A body that broke off was taken')
      this.#expected.set(key, contentOf(step))
    } catch (error) {
      requireExcuse(error, step.breaksAt < step.size)
    }
  }

  /** Two parts at once, the first one of the least size. */
  async #writeInParts(key: string, step: Write): Promise<void> {
    const uploadId = await this.#store.createUpload(bucket, key, { ...plain, checksum: undefined })
    const target = { bucket, key, uploadId }
    const first = Math.min(step.size, 5 * MiB)
    const pieces = [
      { ...step, size: first },
      {
        ...step,
        start: step.start + first,
        size: step.size - first,
        breaksAt: step.breaksAt - first
      }
    ].filter(({ size }, index) => index === 0 || size > 0)
    const attempts = await Promise.allSettled(
      pieces.map(piece => {
        const { partNumber } = { partNumber: pieces.indexOf(piece) + 1 }
        return this.#store.uploadPart({ ...target, partNumber }, bodyOf(piece), { digests: [] })
      })
    )
    const failed = attempts.find(each => each.status === 'rejected')
    if (failed !== undefined) {
      await this.#store.abortUpload(target)
      throw failed.reason
    }
    const parts = attempts
      .filter(each => each.status === 'fulfilled')
      .map(({ value: { number, etag } }) => ({ number, etag, checksums: {} }))
    await this.#store.completeUpload(target, { parts, checksums: {}, requiresEvenParts: false })
  }

  async #read(
    key: string,
    { from, share }: Read,
    possible: readonly (Buffer | undefined)[]
  ): Promise<void> {
    let found: { content: Buffer; offset: number; length: number; size: number }
    try {
      const head = await this.#store.head(bucket, key, {})
      if (head.kind !== 'object' || head.info.size === 0) return
      const start = Math.floor(from * head.info.size)
      const end = start + Math.floor(share * (head.info.size - start))
      const result = await this.#store.get(bucket, key, { range: { kind: 'from', start, end } })
      if (result.kind !== 'object') return
      const { offset, length, info } = result
      found = { content: await collect(result.body), offset, length, size: info.size }
    } catch (error) {
      if (error instanceof R2dError && error.code === 'R2D_NO_SUCH_KEY') {
        assert(possible.includes(undefined), `${key} is there`)
      } else requireExcuse(error, false)
      return
    }

    const { content, offset, length, size } = found
    assert.equal(content.length, length)
    const isRight = possible.some(
      each => each?.length === size && each.subarray(offset, offset + length).equals(content)
    )
    assert(isRight, `${key} has bytes that nobody wrote`)
  }
}

function contentOf({ start, size }: Write): Buffer {
  return base.subarray(start, start + size)
}

async function collect(body: Buffer | AsyncIterable<Buffer>): Promise<Buffer> {
  if (Buffer.isBuffer(body)) return body
  const pieces: Buffer[] = []
  for await (const piece of body) pieces.push(Buffer.from(piece))
  return Buffer.concat(pieces)
}

/** Frames of shared memory that nobody has. */
function freeFrames({ context }: TestStore): number {
  const { frames } = context.hashers
  const taken: number[] = []
  for (let frame = frames.take(); frame !== undefined; frame = frames.take()) taken.push(frame)
  for (const frame of taken) frames.give(frame)
  return taken.length
}

async function runOn(
  home: TestHome,
  engine: Engine,
  batches: readonly Batch[]
): Promise<{ happened: number; kept: number }> {
  const files = new RandomFaults()
  const opened = await openStoreOn({ ...home, engine, files })
  const frameCount = freeFrames(opened)
  await opened.store.createBucket(bucket, {})
  const run = new Run(opened.store)
  for (const each of batches) {
    files.plan(each.faults)
    await run.batch(each)
    assert.equal(opened.context.writers.count, 0)
    assert.equal(freeFrames(opened), frameCount)
  }
  files.plan([])
  // Before a restart, and on disks that work again after one.
  await run.check(opened.store)
  const { happened } = files
  await opened.close()
  assert.equal(files.openCount, 0, 'Files are open that nobody has')

  const again = await openStoreOn({ ...home, engine: await engineOf(home) })
  await run.check(again.store)
  await again.close()
  return { happened, kept: run.keyCount }
}

function engineOf(home: TestHome): Promise<Engine> {
  const path = join(home.path, 'metadata')
  return openEngine({ engine: 'classic-level', path, handle: undefined })
}

test('nothing acknowledged is wrong, nothing refused is there, and nothing is kept, whatever the disks do', async t => {
  const total = { happened: 0, kept: 0 }
  const property = fc.asyncProperty(
    fc.array(batch, { minLength: 1, maxLength: 4, size: 'max' }),
    async batches => {
      const home = await makeHome()
      try {
        const { happened, kept } = await runOn(home, await engineOf(home), batches)
        total.happened += happened
        total.kept += kept
      } finally {
        await home.remove()
      }
    }
  )

  await t.notThrowsAsync(fc.assert(property, { numRuns: Number(process.env['R2D_RUNS'] ?? 25) }))
  t.log(total)
  t.true(total.happened > 0)
  t.true(total.kept > 0, 'some writes are acknowledged')
  // What is kept to be used again has a bound, however many bodies there were.
  t.true(process.memoryUsage().arrayBuffers < 256 * MiB)
})
