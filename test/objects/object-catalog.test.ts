// Reads that are answered from memory, beside writes: whoever reads sees what was acknowledged, or shown to another, before the read began.
//
// Method: an engine in memory whose every step waits for fast-check's scheduler, so that commits, reads of rows and the
// catalog's own steps meet in any order. Each write of a key carries a larger number than the one before it; each read notes,
// when it begins, the largest number that anybody was told by then, and must not find less.

import assert from 'node:assert/strict'
import test from 'ava'
import fc from 'fast-check'
import type { Batch, Cursor, Engine, Versioned } from '../../src/metadata/engine.ts'
import { GroupCommitter } from '../../src/metadata/group-committer.ts'
import { extentKey, normalizeKey, objectKey } from '../../src/metadata/keys.ts'
import { encodeObjectRecord } from '../../src/metadata/object-record.ts'
import { ObjectSequences } from '../../src/metadata/object-sequences.ts'
import type { Transaction } from '../../src/metadata/transaction.ts'
import type { OpenBucket } from '../../src/objects/bucket-catalog.ts'
import { ObjectCatalog } from '../../src/objects/object-catalog.ts'

const bucket: OpenBucket = {
  name: 'bucket',
  record: {
    id: Buffer.alloc(12, 1),
    created: 0,
    location: 'here',
    storageClass: 'STANDARD',
    wrappedKey: Buffer.alloc(48),
    state: 'active',
    hasCors: false,
    timeIndex: 'none',
    replicaCount: 0,
    replicaCountMin: 0,
    trashMode: 'off',
    trashSeconds: 0,
    trashSince: 0
  },
  key: Buffer.alloc(32),
  policy: { location: 'here', replicaCount: 1, replicaCountMin: 1, replicaTarget: 0 },
  corsRules: undefined,
  lifecycle: undefined
}

function rowKeyOf(key: string): Buffer {
  return objectKey(bucket.record.id, normalizeKey(key))
}

/** An object row that says `number`. */
function rowOf(key: string, number: number): Buffer {
  return encodeObjectRecord({
    versionId: Buffer.alloc(16),
    key,
    size: 0,
    etag: '',
    uploaded: number,
    storageClass: 'STANDARD',
    httpMetadata: {},
    customMetadata: [],
    checksums: {},
    wrappedKey: Buffer.alloc(48),
    manifest: { kind: 'inline', slices: [] }
  })
}

type Step = (name: string) => Promise<void>

class StepwiseEngine implements Engine {
  readonly name = 'classic-level'
  readonly handle = undefined
  readonly #rows = new Map<string, Versioned>()
  readonly #step: Step
  /** How the next commits end, when there are any: without having written, or having written all the same. */
  readonly failures: ('before' | 'after')[] = []

  constructor(step: Step) {
    this.#step = step
  }

  async get(key: Buffer): Promise<Versioned | undefined> {
    await this.#step('get')
    const row = this.#rows.get(key.toString('latin1'))
    await this.#step('got')
    return row
  }

  getMany(keys: readonly Buffer[]): Promise<(Versioned | undefined)[]> {
    return Promise.all(keys.map(key => this.get(key)))
  }

  scan(): Cursor {
    throw new TypeError('Nothing here is scanned')
  }

  scanValues(): Cursor<Buffer> {
    throw new TypeError('Nothing here is scanned')
  }

  async commit({ puts, deletes }: Batch): Promise<void> {
    const failure = this.failures.shift()
    await this.#step('commit')
    if (failure === 'before') throw new RangeError('EIO')
    for (const { key, value } of puts) this.#rows.set(key.toString('latin1'), { value, version: 1 })
    for (const key of deletes) this.#rows.delete(key.toString('latin1'))
    await this.#step('committed')
    if (failure === 'after') throw new RangeError('EIO')
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve()
  }
}

interface Write {
  key: string
  number: number
}

function write(transaction: Transaction, { key, number }: Write): Promise<void> {
  transaction.put(rowKeyOf(key), rowOf(key, number))
  transaction.put(extentKey(Buffer.alloc(16, number)), Buffer.from('extent'))
  return Promise.resolve()
}

/** As the operations read. */
async function read(catalog: ObjectCatalog, key: string): Promise<number> {
  const { record, info } = catalog.known(bucket, key) ?? (await catalog.read(bucket, key))
  assert.equal(info.uploaded, record.uploaded)
  return record.uploaded
}

const key = 'a'
type Action = 'write' | 'fail before' | 'fail after' | 'read'
/** What each of the clients does, one after the other: two write, two read, each of those by a catalog of its own. */
const clients: fc.Arbitrary<Action[][]> = fc.tuple(
  ...[0, 1].map(() =>
    fc.array(fc.constantFrom<Action>('write', 'write', 'fail before', 'fail after'), {
      maxLength: 5
    })
  ),
  ...[0, 1].map(() => fc.array(fc.constant<Action>('read'), { minLength: 5, maxLength: 20 }))
)

test('whatever is under way at once, no read finds less than was told before it began', async t => {
  let hitCount = 0
  const property = fc.asyncProperty(fc.scheduler(), clients, async (scheduler, lists) => {
    let told = 0
    const sequences = new ObjectSequences()
    const pause: Step = name => scheduler.schedule(Promise.resolve(), name)
    const engine = new StepwiseEngine(pause)
    const group = new GroupCommitter(engine, sequences)

    let last = 0
    const put = async (failure: 'before' | 'after' | undefined): Promise<void> => {
      if (failure !== undefined) engine.failures.push(failure)
      const number = ++last
      const outcome = await group.run(write, { key, number }).then(
        () => 'acknowledged',
        () => 'failed'
      )
      if (outcome === 'acknowledged') told = Math.max(told, number)
    }
    const get = async (catalog: ObjectCatalog): Promise<void> => {
      const floor = told
      if (catalog.known(bucket, key) !== undefined) hitCount++
      const found = await read(catalog, key)
      assert(found >= floor, `${found} was found when ${floor} had been told`)
      told = Math.max(told, found)
    }
    const running = [
      put(undefined),
      ...lists.map(async list => {
        // As a thread has it: its own, over memory that all share.
        const catalog = new ObjectCatalog(engine, new ObjectSequences(sequences.memory))
        for (const action of list) {
          await pause(action)
          if (action === 'read') {
            if (told > 0) await get(catalog)
          } else
            await put(
              action === 'write' ? undefined : action === 'fail before' ? 'before' : 'after'
            )
        }
      })
    ]
    await scheduler.waitFor(Promise.all(running))
  })

  await t.notThrowsAsync(fc.assert(property, { numRuns: 400 }))
  t.true(hitCount > 400, `${hitCount} reads were answered from memory`)
})

async function open(): Promise<{
  engine: StepwiseEngine
  sequences: ObjectSequences
  catalog: ObjectCatalog
  put: (key: string, number: number) => Promise<void>
}> {
  const sequences = new ObjectSequences()
  const engine = new StepwiseEngine(() => Promise.resolve())
  const group = new GroupCommitter(engine, sequences)
  const put = (key: string, number: number): Promise<void> => group.run(write, { key, number })
  await put('a', 1)
  const catalog = new ObjectCatalog(engine, sequences)
  return { engine, sequences, catalog, put }
}

test('an object is kept from its second read on, until it is written', async t => {
  const { catalog, put } = await open()

  await catalog.read(bucket, 'a')
  t.is(catalog.known(bucket, 'a'), undefined)
  const object = await catalog.read(bucket, 'a')
  t.is(catalog.known(bucket, 'a'), object)
  await put('b', 1)
  t.is(catalog.known(bucket, 'a'), object)
  await put('a', 2)
  t.is(catalog.known(bucket, 'a'), undefined)
  t.is(await read(catalog, 'a'), 2)
})

test('what was kept of a bucket is not used for another of its name', async t => {
  const { catalog } = await open()
  await catalog.read(bucket, 'a')
  await catalog.read(bucket, 'a')

  const another = { ...bucket, record: { ...bucket.record, id: Buffer.alloc(12, 2) } }
  t.is(catalog.known(another, 'a'), undefined)
  await t.throwsAsync(catalog.read(another, 'a'), { code: 'R2D_NO_SUCH_KEY' })
})

test('after a committer that died in its commit nothing is kept until there is another, and nothing of before is used', async t => {
  const { engine, sequences, catalog } = await open()
  await catalog.read(bucket, 'a')
  await catalog.read(bucket, 'a')

  sequences.begin([rowKeyOf('a')])
  new ObjectSequences(sequences.memory).suspend()
  t.is(catalog.known(bucket, 'a'), undefined)
  t.is(await read(catalog, 'a'), 1)
  t.is(await read(catalog, 'a'), 1)
  t.is(catalog.known(bucket, 'a'), undefined, 'it may be written at any moment')
  const puts = [{ key: rowKeyOf('a'), value: rowOf('a', 2) }]
  await engine.commit({ checks: [], puts, deletes: [] })
  new ObjectSequences(sequences.memory).renew()

  t.is(catalog.known(bucket, 'a'), undefined)
  t.is(await read(catalog, 'a'), 2)
  t.not(catalog.known(bucket, 'a'), undefined)
})

test('a new committer has every number go on, whatever it was', t => {
  const sequences = new ObjectSequences()
  const stripe = sequences.stripeOf(rowKeyOf('a'))
  const before = sequences.current(stripe)
  sequences.renew()
  t.not(sequences.current(stripe), before)
  t.not(sequences.current(stripe), undefined)
})

test('a number that has come to its end never comes back', t => {
  const sequences = new ObjectSequences()
  const stripe = sequences.stripeOf(rowKeyOf('a'))
  new Int32Array(sequences.memory)[stripe] = 0x7fff_fffc

  const seen = [sequences.current(stripe)]
  for (let count = 0; count < 4; count++) {
    sequences.end(sequences.begin([rowKeyOf('a')]))
    seen.push(sequences.current(stripe))
  }
  sequences.renew()
  seen.push(sequences.current(stripe))

  t.deepEqual(seen, [0x7fff_fffc, 0x7fff_fffe, undefined, undefined, undefined, undefined])
})

test('rows of anything but objects leave the numbers alone', t => {
  const sequences = new ObjectSequences()
  t.is(sequences.begin([extentKey(Buffer.alloc(16)), Buffer.from('b')]).size, 0)
})

test('however many objects are read, so many at most are kept', async t => {
  const { catalog, put } = await open()
  const count = 10_000
  for (let n = 0; n < count; n++) await put(`k${n}`, n)
  for (let n = 0; n < count; n++) {
    await catalog.read(bucket, `k${n}`)
    await catalog.read(bucket, `k${n}`)
  }

  const kept = Array.from({ length: count }, (_, n) => catalog.known(bucket, `k${n}`))
  const keptCount = kept.filter(object => object !== undefined).length
  t.true(keptCount >= 4096, `${keptCount} are kept`)
  t.true(keptCount <= 8192, `${keptCount} are kept`)
  t.is(kept.at(-1)?.record.uploaded, count - 1)
})
