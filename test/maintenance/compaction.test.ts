// Compaction: the space of what was deleted comes back, and nothing else changes, whatever happens meanwhile.

import assert from 'node:assert/strict'
import { open as openFile, readdir, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import test from 'ava'
import fc from 'fast-check'
import { repairExtent } from '../../src/maintenance/repair-extent.ts'
import { decodeExtentRecord, type Replica } from '../../src/metadata/extent-record.ts'
import { extentRange, parseExtentKey } from '../../src/metadata/keys.ts'
import { recordHeaderSize, recordSize, segmentName } from '../../src/storage/segment-format.ts'
import { segmentsName } from '../../src/storage/superblock.ts'
import { bodyOf, plain, type EngineName } from '../objects/open-store.ts'
import { assertExactReferences } from './recount.ts'
import { bucket, contentOf, MiB, SpaceStore } from './space-store.ts'

interface Row {
  id: Buffer
  size: number
  replicas: Replica[]
}

async function extentRows({ opened }: SpaceStore): Promise<Row[]> {
  await using cursor = opened.context.metadata.scan(extentRange())
  const entries = await cursor.read(100_000)
  return entries.map(({ key, value }) => ({
    id: parseExtentKey(key),
    ...decodeExtentRecord(value)
  }))
}

async function flip(path: string, offset: number): Promise<void> {
  const file = await openFile(path, 'r+')
  const byte = Buffer.alloc(1)
  await file.read(byte, 0, 1, offset)
  byte.writeUInt8(byte.readUInt8(0) ^ 1)
  await file.write(byte, 0, 1, offset)
  await file.close()
}

async function deleteKeys({ opened }: SpaceStore, keys: string[]): Promise<void> {
  await opened.store.delete(bucket, keys)
}

for (const engine of ['rocksdb', 'classic-level'] as const) {
  test(`${engine}: the disk gets the space of deleted and replaced objects back, and the others are there`, async t => {
    const store = await SpaceStore.open(engine)
    t.teardown(() => store.close())
    for (let n = 0; n < 12; n++) await store.put(`large-${n}`, contentOf(2 * MiB, n))
    for (let n = 0; n < 200; n++) await store.put(`small-${n}`, contentOf(4096, n))
    for (let n = 0; n < 3; n++) await store.put(`large-${n}`, contentOf(MiB, 100 + n))
    const before = await store.usage()
    await deleteKeys(store, [
      ...Array.from({ length: 6 }, (_, n) => `large-${n + 3}`),
      ...Array.from({ length: 190 }, (_, n) => `small-${n}`)
    ])

    const { moved } = await store.reclaim()

    const after = await store.usage()
    const live = 2 * (3 * recordSize(MiB) + 3 * recordSize(2 * MiB) + 10 * recordSize(4096))
    t.log({ before: before.bytes, after: after.bytes, live, moved })
    t.true(after.bytes < live / 0.7 + after.files * 4096 + 4096)
    t.true(before.bytes > 2 * (12 * 2 * MiB))
    for (let n = 0; n < 3; n++)
      t.true((await store.get(`large-${n}`)).equals(contentOf(MiB, 100 + n)))
    for (let n = 9; n < 12; n++)
      t.true((await store.get(`large-${n}`)).equals(contentOf(2 * MiB, n)))
    for (let n = 190; n < 200; n++)
      t.true((await store.get(`small-${n}`)).equals(contentOf(4096, n)))
    t.deepEqual(store.opened.faults, [])

    await deleteKeys(
      store,
      Array.from({ length: 12 }, (_, n) => `large-${n}`)
    )
    await deleteKeys(
      store,
      Array.from({ length: 200 }, (_, n) => `small-${n}`)
    )
    await store.reclaim()
    t.deepEqual(await store.usage(), { files: 0, bytes: 0 })
  })
}

test('a reader that is in the middle of an object when its segments go gets every byte right, and no fault is told', async t => {
  const store = await SpaceStore.open()
  t.teardown(() => store.close())
  const content = contentOf(40 * MiB, 7)
  await store.put('waste', contentOf(40 * MiB, 1))
  await store.put('read', content)
  await deleteKeys(store, ['waste'])
  const places = (await extentRows(store)).flatMap(({ replicas }) => replicas)
  const result = await store.opened.store.get(bucket, 'read', {})
  assert(result.kind === 'object' && !Buffer.isBuffer(result.body))

  let offset = 0
  let compacted = { segments: 0, moved: 0 }
  for await (const piece of result.body) {
    assert(content.subarray(offset, offset + piece.length).equals(piece))
    offset += piece.length
    if (offset === piece.length) {
      await store.seal()
      // Compaction alone: the release would wait for this reader. The account is told that all of it is dead.
      store.ledger.addFreed(
        places.map(({ volume, segment }) => ({ volume, segment, size: 4 * MiB }))
      )
      const { segments, moved } = await store.compact()
      compacted = { segments, moved }
    }
  }

  t.is(offset, content.length)
  t.true(compacted.segments > 0)
  t.true(compacted.moved >= 40 * MiB)
  t.deepEqual(store.opened.faults, [])
})

test('compaction beside overwrites, copies and deletions: what was acknowledged last is there, and counts are exact', async t => {
  const store = await SpaceStore.open()
  t.teardown(() => store.close())
  const model = new Map<string, Buffer>()
  let isRunning = true
  let writes = 0
  const writers = Array.from({ length: 4 }, async (_, writer) => {
    for (let n = 0; isRunning; n++) {
      const key = `${writer}-${n % 7}`
      const content = contentOf([100, 4096, 300_000, 2 * MiB][n % 4] ?? 1, n)
      if (n % 5 === 4) {
        await deleteKeys(store, [key])
        model.delete(key)
      } else if (n % 5 === 3 && model.has(`${writer}-0`)) {
        await store.opened.store.copy({
          sourceBucket: bucket,
          sourceKey: `${writer}-0`,
          bucket,
          key
        })
        model.set(key, model.get(`${writer}-0`) ?? content)
      } else {
        await store.put(key, content)
        model.set(key, content)
      }
      writes++
    }
  })
  let segments = 0
  for (let rounds = 0; rounds < 6 || segments < 10; rounds++) {
    const target = writes + 40
    while (writes < target) await turn()
    segments += (await store.reclaim()).segments
  }
  isRunning = false
  await Promise.all(writers)

  t.log({ writes, segments })
  for (const [key, content] of model) t.true(content.equals(await store.get(key)), key)
  await store.release()
  await assertExactReferences(store.opened.context.metadata)
  t.deepEqual(store.opened.faults, [])
})

test('what a write has appended and not committed yet is not dead, though its segment was left and compacted', async t => {
  const store = await SpaceStore.open()
  t.teardown(() => store.close())
  const content = contentOf(20 * MiB, 5)
  const gate = Promise.withResolvers<undefined>()
  const half = Promise.withResolvers<undefined>()
  async function* body(): AsyncGenerator<Buffer> {
    yield* bodyOf(content.subarray(0, 16 * MiB))
    half.resolve(undefined)
    await gate.promise
    yield* bodyOf(content.subarray(16 * MiB))
  }
  const putting = store.opened.store.put(bucket, 'slow', body(), plain)
  await half.promise
  // Until what was received is written: nothing of it has a row.
  while ((await store.usage()).bytes < 2 * 8 * MiB) await turn()

  // A writer in the middle of a group does not leave its segment.
  while (store.opened.sealed.open().length > 0) {
    await store.seal()
    await turn()
  }
  // To the account, all that no row names is dead.
  await store.census()
  const figures = await store.compact()
  t.is(figures.segments, 0)
  gate.resolve(undefined)
  await putting

  await store.seal()
  await store.census()
  await store.reclaim()
  t.true(content.equals(await store.get('slow')))
  t.deepEqual(store.opened.faults, [])
})

test('what a broken write has appended is dead, and its space comes back', async t => {
  const store = await SpaceStore.open()
  t.teardown(() => store.close())
  async function* body(): AsyncGenerator<Buffer> {
    yield* bodyOf(contentOf(16 * MiB, 5))
    throw new RangeError('the client is gone')
  }
  await t.throwsAsync(store.opened.store.put(bucket, 'broken', body(), plain))
  t.true((await store.usage()).bytes > 0)

  await store.seal()
  await store.census()
  await store.reclaim()

  t.deepEqual(await store.usage(), { files: 0, bytes: 0 })
})

for (const [what, at] of [
  ['payload', recordHeaderSize + 1000],
  ['header', 20]
] as const) {
  test(`a live record with a damaged ${what} is told, and its segment stays until repair has made another replica`, async t => {
    const store = await SpaceStore.open()
    t.teardown(() => store.close())
    for (let n = 0; n < 8; n++) await store.put(`waste-${n}`, contentOf(MiB, n))
    await store.put('kept', contentOf(MiB, 99))
    await deleteKeys(
      store,
      Array.from({ length: 8 }, (_, n) => `waste-${n}`)
    )
    await store.release()
    const [row] = await extentRows(store)
    const replica = row?.replicas[0]
    assert(row !== undefined && replica !== undefined)
    await flip(store.segmentPath(replica), replica.offset + at)
    await store.seal()

    await store.compact()

    t.like(store.damaged[0], { ...replica, extentId: row.id })
    t.true(
      (await readdir(join(store.volumePath(replica.volume), segmentsName))).includes(
        segmentName(replica.segment)
      )
    )
    t.true((await store.get('kept')).equals(contentOf(MiB, 99)))

    const { metadata, committer } = store.opened.context
    const { volumes } = store.opened
    const work = { metadata, committer, volumes, writer: store.writer, writes: store.register }
    t.like(await repairExtent(work, row.id), { kind: 'repaired' })
    store.clock.now += 3_600_000
    await store.reclaim()
    t.false(
      (await readdir(join(store.volumePath(replica.volume), segmentsName))).includes(
        segmentName(replica.segment)
      )
    )
    t.true((await store.get('kept')).equals(contentOf(MiB, 99)))
  })
}

test('what a crash leaves of an append is removed with its segment, and what is no segment stays', async t => {
  const store = await SpaceStore.open()
  t.teardown(() => store.close())
  await store.put('gone', contentOf(MiB, 1))
  await deleteKeys(store, ['gone'])
  const place = (await extentRows(store))[0]?.replicas[0]
  assert(place !== undefined)
  const path = store.segmentPath(place)
  await store.reopen()
  await truncate(path, place.offset + 500_000)
  await writeFile(join(store.volumePath(1), segmentsName, 'notes.txt'), 'not ours')

  await store.reclaim()

  t.is((await store.usage()).files, 1)
  t.deepEqual(await readdir(join(store.volumePath(1), segmentsName)), ['notes.txt'])
})

test('a segment that belongs to another volume is left alone', async t => {
  const store = await SpaceStore.open()
  t.teardown(() => store.close())
  await store.put('kept', contentOf(MiB, 1))
  const place = (await extentRows(store))[0]?.replicas[0]
  assert(place !== undefined)
  await store.reopen()
  const { volumes } = store.opened
  const bytes = await volumes.files.readWhole(store.segmentPath(place))
  const other = volumes.all().find(({ number }) => number !== place.volume)
  assert(other !== undefined)
  const strayPath = join(other.path, segmentsName, segmentName(place.segment + 1000))
  await writeFile(strayPath, bytes)
  await store.reopen()

  await store.reclaim()

  t.true((await volumes.files.readWhole(strayPath)).equals(bytes))
})

type Command =
  | { kind: 'put'; key: string; size: number; seed: number }
  | { kind: 'copy'; from: string; to: string }
  | { kind: 'delete'; key: string }
  | { kind: 'release' | 'compact' | 'reclaim' | 'reopen' | 'census' }

const key = fc.constantFrom('a', 'b', 'c', 'd', 'e')
const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('put' as const),
      key,
      size: fc.constantFrom(1, 4096, 70_000, 300_000, 1_500_000),
      seed: fc.nat(9)
    })
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('copy' as const), from: key, to: key }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('delete' as const), key }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constantFrom(
        'release' as const,
        'compact' as const,
        'reclaim' as const,
        'reopen' as const,
        'census' as const
      )
    })
  }
)

async function runCommands(commands: readonly Command[], engine: EngineName): Promise<void> {
  const store = await SpaceStore.open(engine)
  const model = new Map<string, Buffer>()
  try {
    for (const each of commands) {
      switch (each.kind) {
        case 'put':
          model.set(each.key, contentOf(each.size, each.seed))
          await store.put(each.key, contentOf(each.size, each.seed))
          break
        case 'copy': {
          const content = model.get(each.from)
          if (content === undefined) break
          await store.opened.store.copy({
            sourceBucket: bucket,
            sourceKey: each.from,
            bucket,
            key: each.to
          })
          model.set(each.to, content)
          break
        }
        case 'delete':
          await deleteKeys(store, [each.key])
          model.delete(each.key)
          break
        case 'release':
        case 'compact':
        case 'reclaim':
        case 'reopen':
        case 'census':
          await store[each.kind]()
          break
      }
      for (const [name, content] of model) assert(content.equals(await store.get(name)))
    }
    await store.reopen()
    for (const [name, content] of model) assert(content.equals(await store.get(name)))
    await deleteKeys(store, [...model.keys()])
    await store.reclaim()
    assert.deepEqual(await store.usage(), { files: 0, bytes: 0 })
    assert.deepEqual(store.opened.faults, [])
  } finally {
    await store.close()
  }
}

for (const engine of ['rocksdb', 'classic-level'] as const) {
  test(`${engine}: writes, deletions, releases, compactions and restarts in any order: contents stay, and in the end nothing is left`, async t => {
    const property = fc.asyncProperty(
      fc.array(command, { minLength: 5, maxLength: 30 }),
      commands => runCommands(commands, engine)
    )

    t.timeout(300_000)
    await t.notThrowsAsync(() =>
      fc.assert(property, { numRuns: Number(process.env['R2D_RUNS'] ?? 12) })
    )
  })
}
