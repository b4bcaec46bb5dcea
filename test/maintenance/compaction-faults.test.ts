// Compaction where a volume is full, a file cannot be opened, or the metadata does not commit.

import assert from 'node:assert/strict'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { R2dError } from '../../src/errors.ts'
import { decodeExtentRecord, type Replica } from '../../src/metadata/extent-record.ts'
import { extentRange } from '../../src/metadata/keys.ts'
import { segmentsName } from '../../src/storage/superblock.ts'
import { bucket, contentOf, MiB, SpaceStore } from './space-store.ts'

async function openStore(t: ExecutionContext): Promise<SpaceStore> {
  const store = await SpaceStore.open()
  t.teardown(() => store.close())
  return store
}

async function places({ opened }: SpaceStore): Promise<Replica[]> {
  await using cursor = opened.context.metadata.scan(extentRange())
  const entries = await cursor.read(1000)
  return entries.flatMap(({ value }) => decodeExtentRecord(value).replicas)
}

/** Sealed segments with objects of 1 MiB, of which those of odd numbers are dead, or all. */
async function writeSegments(
  store: SpaceStore,
  count: number,
  isDead: 'odd' | 'all'
): Promise<void> {
  for (let n = 0; n < count; n++) await store.put(`${isDead}-${n}`, contentOf(MiB, n))
  const dead = Array.from({ length: count }, (_, n) => n)
    .filter(n => isDead === 'all' || n % 2 === 1)
    .map(n => `${isDead}-${n}`)
  await store.opened.store.delete(bucket, dead)
  await store.release()
  await store.seal()
}

test('compaction leaves the metadata what it needs of a full volume, and takes what is all dead', async t => {
  const store = await openStore(t)
  await writeSegments(store, 16, 'odd')
  await writeSegments(store, 4, 'all')
  const before = await store.usage()

  // Of 1 MiB that is left free, half is for copies: not the megabytes that are live.
  store.files.faults.free = () => MiB
  const full = await store.compact()

  t.true(full.segments > 0)
  t.is(full.moved, 0)
  const after = await store.usage()
  t.true(after.bytes < before.bytes)
  t.true(after.bytes >= 2 * 16 * MiB)

  // There seems to be enough when a segment is begun, and others take it meanwhile.
  let asked = 0
  store.files.faults.free = () => (asked++ === 0 ? 100 * MiB : MiB)
  t.like(await store.compact(), { segments: 0, moved: 0 })
  t.is((await store.usage()).bytes, after.bytes)

  delete store.files.faults.free
  await store.census()
  t.true((await store.reclaim()).segments > 0)
  for (let n = 0; n < 16; n += 2) assert((await store.get(`odd-${n}`)).equals(contentOf(MiB, n)))
  t.is((await places(store)).length, 2 * 8)
})

test('no segment goes while nothing is committed: a commit that failed may name it, and be found by the next start', async t => {
  const store = await openStore(t)
  await writeSegments(store, 8, 'all')
  const before = await store.usage()
  const { committer } = store.opened.context
  const mutate = committer.mutate.bind(committer)
  committer.mutate = () => Promise.reject(new R2dError('R2D_UNAVAILABLE', 'injected'))

  await t.throwsAsync(store.compact(), { message: 'injected' })
  t.deepEqual(await store.usage(), before)

  committer.mutate = mutate
  await store.compact()
  t.is((await store.usage()).files, 0)
})

test('a segment that cannot be opened is told, and keeps no other from being counted or compacted', async t => {
  const store = await openStore(t)
  await writeSegments(store, 16, 'odd')
  const [bad] = await places(store)
  assert(bad !== undefined)
  const path = store.segmentPath(bad)
  store.files.faults.open = { path, errno: 'EIO' }

  t.true((await store.compact()).segments > 0)
  t.like(store.faults, [{ kind: 'read', volume: bad.volume, segment: bad.segment, errno: 'EIO' }])
  t.is((await store.compact()).segments, 0)
  t.is(store.faults.length, 1)
  await store.census()
  t.is(store.faults.length, 2)

  store.files.faults = {}
  await store.census()
  t.is((await store.compact()).segments, 1)
  for (let n = 0; n < 16; n += 2) assert((await store.get(`odd-${n}`)).equals(contentOf(MiB, n)))
})

test('a volume whose segments cannot be listed at the start has failed, and the others are used', async t => {
  const store = await openStore(t)
  await store.put('kept', contentOf(MiB, 1))
  store.files.faults.list = { path: join('volume-1', segmentsName), errno: 'EIO' }
  await store.reopen()

  t.is(store.opened.volumes.byNumber(1)?.state, 'failed')
  t.true((await store.get('kept')).equals(contentOf(MiB, 1)))
})
