// Writes with fewer replicas than wanted: acknowledged down to the least count, and queued for repair by the same commit.

import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { decodeExtentRecord } from '../../src/metadata/extent-record.ts'
import { extentKey, parseRepairKey, repairRange } from '../../src/metadata/keys.ts'
import { decodeRepairRecord } from '../../src/metadata/repair-record.ts'
import { bodyOf, makeHome, openTestStore, plain, readAll, type TestStore } from './open-store.ts'

async function openWithBucket(t: ExecutionContext): Promise<TestStore & { bucketId: Buffer }> {
  const home = await makeHome()
  const opened = await openTestStore(home, 'rocksdb')
  t.teardown(async () => {
    await opened.close()
    await home.remove()
  })
  await opened.store.createBucket('bucket', {})
  const { id: bucketId } = (await opened.context.buckets.open('bucket')).record
  return { ...opened, bucketId }
}

/** The volumes are there, and nothing can be written to them. */
async function breakVolumes(home: string, numbers: readonly number[]): Promise<void> {
  for (const number of numbers) {
    await rm(join(home, 'volumes', `volume-${number}`, 'segments'), { recursive: true })
  }
}

/** Extents that are queued for repair: how many replicas each has, by its row and by the queue's. */
async function queued({ context }: TestStore): Promise<{ replicas: number; noted: number }[]> {
  await using cursor = context.metadata.scan(repairRange())
  const found: { replicas: number; noted: number }[] = []
  for (const { key, value } of await cursor.read(100)) {
    const row = await context.metadata.get(extentKey(parseRepairKey(key)))
    if (row === undefined) continue
    const { replicas } = decodeExtentRecord(row.value)
    found.push({ replicas: replicas.length, noted: decodeRepairRecord(value).replicaCount })
  }
  return found
}

for (const [what, size, count] of [
  ['small', 1000, 1],
  ['large', 9_000_000, 3]
] as const) {
  test(`a ${what} object that is written to one volume of two is queued for repair`, async t => {
    const opened = await openWithBucket(t)
    const { store, context, home } = opened
    const content = Buffer.alloc(size, 7)
    const refused = t.throwsAsync(async () => {
      await breakVolumes(home, [1, 2])
      await store.put('bucket', 'refused', bodyOf(content), plain)
    })
    t.like(await refused, { code: 'R2D_UNAVAILABLE' })
    t.deepEqual(await queued(opened), [])

    const allowed = { name: 'local', mayCreate: false, replicaCount: 2, replicaCountMin: 1 }
    await context.committer.mutate('setLocationReplicas', allowed)
    await store.put('bucket', 'degraded', bodyOf(content), plain)
    const uploadId = await store.createUpload('bucket', 'parts', { ...plain, checksum: undefined })
    const target = { bucket: 'bucket', key: 'parts', uploadId, partNumber: 1 }
    await store.uploadPart(target, bodyOf(content), { digests: [] })

    t.deepEqual(
      await queued(opened),
      Array.from({ length: 2 * count }, () => ({ replicas: 1, noted: 1 }))
    )
    const read = await store.get('bucket', 'degraded', {})
    assert(read.kind === 'object')
    t.true((await readAll(read.body)).equals(content))
  })
}

test("a bucket's own policy stands in the rows of its extents, and others keep the location's", async t => {
  const { store, context, bucketId } = await openWithBucket(t)
  const targets = async (): Promise<[number, number][]> => {
    await using cursor = context.metadata.scan({ gte: Buffer.from('e'), lt: Buffer.from('f') })
    const rows = (await cursor.read(10)).map(({ value }) => decodeExtentRecord(value))
    return rows.map(({ replicaTarget, replicas }) => [replicaTarget, replicas.length])
  }
  const own = { bucket: 'bucket', bucketId, replicaCount: 3, replicaCountMin: 3 }

  await context.committer.mutate('setBucketReplicas', own)
  await store.put('bucket', 'key', bodyOf(Buffer.alloc(10)), plain)
  t.deepEqual(await targets(), [[3, 3]])

  await context.committer.mutate('setBucketReplicas', {
    ...own,
    replicaCount: 0,
    replicaCountMin: 0
  })
  await store.put('bucket', 'key', bodyOf(Buffer.alloc(10)), plain)
  t.deepEqual((await targets()).sort(), [
    [0, 2],
    [3, 3]
  ])
})

test('what was written before a volume was drained is queued for repair, and after it was sealed off does not name it', async t => {
  const opened = await openWithBucket(t)
  const { store, context } = opened
  const setState = (number: number, to: 'draining' | 'leaving' | 'active'): Promise<void> =>
    context.committer.mutate('setVolumeState', {
      number,
      from: ['active', 'draining', 'leaving'],
      to
    })
  const all = { name: 'local', mayCreate: false, replicaCount: 3, replicaCountMin: 2 }
  await context.committer.mutate('setLocationReplicas', all)
  const counts = async (): Promise<number[]> => {
    const replicas = (await queued(opened)).map(each => each.replicas)
    return [...new Set(replicas)].sort()
  }
  /** Its extents are written before the state is set, and committed after. */
  async function* slowly(after: () => Promise<void>): AsyncGenerator<Buffer> {
    yield* bodyOf(Buffer.alloc(4_500_000, 1))
    await after()
  }

  await store.put(
    'bucket',
    'drained',
    slowly(() => setState(1, 'draining')),
    plain
  )
  t.deepEqual(await counts(), [3])
  await setState(1, 'active')
  await store.put(
    'bucket',
    'left',
    slowly(() => setState(1, 'leaving')),
    plain
  )
  t.deepEqual(await counts(), [2, 3])

  await setState(1, 'active')
  const refused = store.put(
    'bucket',
    'refused',
    slowly(async () => {
      await setState(1, 'leaving')
      await setState(2, 'leaving')
    }),
    plain
  )
  await t.throwsAsync(refused, { code: 'R2D_UNAVAILABLE' })
  await t.throwsAsync(store.head('bucket', 'refused', {}), { code: 'R2D_NO_SUCH_KEY' })
})
