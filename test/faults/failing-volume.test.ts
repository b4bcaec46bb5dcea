// A volume that starts to fail while writers run: no write is refused, nothing acknowledged is lost, and it is said which failed.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { rename } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import type { FaultReport } from '../../daemon/thread-messages.ts'
import { openEngine, toReport } from '../../daemon/parts.ts'
import { VolumeList } from '../../daemon/volume-list.ts'
import { VolumeWatch } from '../../daemon/volume-watch.ts'
import { ExtentReader } from '../../src/storage/extent-reader.ts'
import { ExtentWriter } from '../../src/storage/extent-writer.ts'
import { VolumeSet, type VolumeDescription } from '../../src/storage/volume-set.ts'
import { bodyOf, makeHome, openStoreOn, plain, readAll } from '../objects/open-store.ts'
import { makeExtent, openVolumes, policy, storeId } from '../storage/open-volumes.ts'
import { FaultyFiles } from './faulty-files.ts'

const sizes = [10, 3_000, 66_000, 400_000]

for (const [what, fault, kind] of [
  ['fails writes', { write: { path: 'volume-2', errno: 'EIO' } }, 'write'],
  ['fails to sync', { sync: { path: 'volume-2', errno: 'EIO' } }, 'write'],
  ['has no space left', { write: { path: 'volume-2', errno: 'ENOSPC' } }, 'full'],
  [
    'is gone altogether',
    {
      write: { path: 'volume-2', errno: 'ENODEV' },
      sync: { path: 'volume-2', errno: 'ENODEV' },
      read: { path: 'volume-2', errno: 'ENODEV' }
    },
    'write'
  ]
] as const) {
  test(`writers do not notice a volume that ${what} under load, and what they wrote is there`, async t => {
    const home = await makeHome()
    const files = new FaultyFiles()
    const metadata = {
      engine: 'rocksdb' as const,
      path: join(home.path, 'metadata'),
      handle: undefined
    }
    const engine = await openEngine(metadata)
    const { store, faults, close } = await openStoreOn({ ...home, engine, files })
    t.teardown(home.remove)
    await store.createBucket('bucket', {})
    const contentOf = (key: string, size: number): Buffer =>
      Buffer.alloc(size, createHash('sha512').update(key).digest())

    const acknowledged = new Map<string, number>()
    let isRunning = true
    const writers = Array.from({ length: 6 }, async (_, writer) => {
      for (let n = 0; isRunning; n++) {
        const [key, size] = [`${writer}-${n}`, sizes[n % sizes.length] ?? 0]
        await store.put('bucket', key, bodyOf(contentOf(key, size)), plain)
        acknowledged.set(key, size)
      }
    })
    const grow = async (by: number): Promise<void> => {
      const target = acknowledged.size + by
      while (acknowledged.size < target) await new Promise(setImmediate)
    }
    await grow(50)
    files.faults = fault
    // Each writer of segments meets it by itself: there are two.
    await grow(150)
    isRunning = false
    await Promise.all(writers)

    t.true(faults.some(each => each.volume === 2 && each.kind === kind))
    t.true(faults.every(({ volume }) => volume === 2))
    for (const [key, size] of acknowledged) {
      const found = await store.get('bucket', key, {})
      assert(found.kind === 'object')
      t.true((await readAll(found.body)).equals(contentOf(key, size)), key)
    }
    await close()
  })
}

test('a disk that fails many reads is held for failed in every thread, and a few wrong sectors are not', async t => {
  const files = new FaultyFiles()
  const { descriptions } = await openVolumes(t, files)
  const told: VolumeDescription[][] = []
  const watched = await openWatched(descriptions, files, told)
  const { set, list, reader, writer, stop } = watched
  const { extent, key } = makeExtent(1000)
  const replicas = await writer.write(extent, { ...policy, replicaCount: 3 })
  const first = replicas.find(({ volume }) => volume === 2)
  assert(first !== undefined)
  const read = (): Promise<unknown> =>
    reader.read({ id: extent.id, size: 1000, key, replicas: [first] }, 0, 1).catch(() => undefined)

  files.faults = { read: { path: 'volume-2', errno: 'EIO' } }
  for (let n = 0; n < 16; n++) await read()
  t.is(set.byNumber(2)?.state, 'active')
  t.deepEqual(told, [])
  await read()
  t.is(set.byNumber(2)?.state, 'failed')
  await list.reload()
  t.regex(told.at(-1)?.find(({ number }) => number === 2)?.failure ?? '', /16 reads/)
  await stop()
})

test('a volume whose mount is gone is held for failed once something on it is not found', async t => {
  const files = new FaultyFiles()
  const { descriptions } = await openVolumes(t, files)
  const told: VolumeDescription[][] = []
  const { set, reader, writer, stop } = await openWatched(descriptions, files, told)
  const { extent, key } = makeExtent(1000)
  const replicas = await writer.write(extent, { ...policy, replicaCount: 3 })
  const path = descriptions[0]?.path ?? ''

  await rename(path, `${path}-away`)
  const own = replicas.filter(({ volume }) => volume === 1)
  const read = reader.read({ id: extent.id, size: 1000, key, replicas: own }, 0, 1)
  await t.throwsAsync(read, { code: 'R2D_EXTENT_UNREADABLE' })
  // What it found out is acted on once the look at the superblock is done.
  await stop()
  t.is(set.byNumber(1)?.state, 'failed')
  t.deepEqual(
    set.all().map(({ state }) => state),
    ['failed', 'active', 'active']
  )
})

async function openWatched(
  descriptions: VolumeDescription[],
  files: FaultyFiles,
  told: VolumeDescription[][]
) {
  const watching: { by?: VolumeWatch } = {}
  const onFault = (fault: FaultReport): void => {
    watching.by?.report(fault)
  }
  const set = await VolumeSet.open(descriptions, {
    storeId,
    files,
    onFault: fault => {
      onFault(toReport(fault))
    }
  })
  const list = new VolumeList({
    set,
    list: descriptions,
    read: () => Promise.resolve(descriptions)
  })
  await list.serve(sent => {
    told.push(sent)
    return Promise.resolve()
  })
  told.length = 0
  const watch = new VolumeWatch(list, () => undefined)
  watching.by = watch
  const reader = new ExtentReader({
    volumes: set,
    onFault: fault => {
      onFault(toReport(fault))
    }
  })
  const writer = new ExtentWriter({ volumes: set })
  const stop = async (): Promise<void> => {
    await watch.stop()
    await writer.close()
    await reader.close()
  }
  return { set, list, reader, writer, stop }
}
