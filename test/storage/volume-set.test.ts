// A set of volumes that changes while writes and reads go on.

import assert from 'node:assert/strict'
import { readlink, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { ExtentReader } from '../../src/storage/extent-reader.ts'
import { ExtentWriter } from '../../src/storage/extent-writer.ts'
import { createVolume } from '../../src/storage/superblock.ts'
import { VolumeSet, type VolumeDescription } from '../../src/storage/volume-set.ts'
import { FaultyFiles } from '../faults/faulty-files.ts'
import { makeExtent, openVolumes, policy, storeId } from './open-volumes.ts'

/** Files under `path` that this process has open. */
async function openFiles(path: string): Promise<string[]> {
  const names = await readdir('/proc/self/fd')
  const targets = await Promise.all(
    names.map(name => readlink(join('/proc/self/fd', name)).catch(() => ''))
  )
  return targets.filter(target => target.startsWith(path))
}

test('while extents are written, volumes come and go: none is lost, and after an update none is put on what takes no more', async t => {
  const { root, volumes, descriptions } = await openVolumes(t)
  const writer = new ExtentWriter({ volumes })
  const reader = new ExtentReader({ volumes, onFault: fault => t.fail(fault.reason) })
  const fourth = { number: 4, path: join(root, 'volume-4'), location: 'here', failureDomain: '' }
  const { id } = await createVolume(fourth.path, { storeId, number: 4 })
  const lists: VolumeDescription[][] = [
    [...descriptions, { ...fourth, id, recorded: 'active' }],
    [...descriptions.map(draining(1)), { ...fourth, id, recorded: 'active' }],
    [...descriptions, { ...fourth, id, recorded: 'leaving' }],
    [...descriptions.map(draining(2)), { ...fourth, id, recorded: 'active' }]
  ]

  let allowed = new Set([1, 2, 3])
  let isRunning = true
  let count = 0
  const writers = Array.from({ length: 6 }, async () => {
    while (isRunning) {
      const before = allowed
      const { extent, key, content } = makeExtent(3000)
      const replicas = await writer.write(extent, policy)
      // One that began before the update may have been written to what was active then.
      const either = new Set([...before, ...allowed])
      assert(replicas.every(({ volume }) => either.has(volume)))
      const read = await reader.read({ id: extent.id, size: 3000, key, replicas }, 0, 1)
      assert(read.equals(content))
      count++
    }
  })
  for (let round = 0; round < 40; round++) {
    const list = lists[round % lists.length] ?? []
    const active = list.filter(({ recorded }) => recorded === 'active').map(({ number }) => number)
    await volumes.update(list)
    allowed = new Set(active)
    const target = count + 10
    while (count < target) await new Promise(setImmediate)
  }
  isRunning = false
  await Promise.all(writers)

  t.true(count > 400)
  await writer.close()
  await reader.close()
})

test('once a volume is out of the set, no file of it is open', async t => {
  const { volumes, descriptions } = await openVolumes(t)
  const writer = new ExtentWriter({ volumes })
  const reader = new ExtentReader({ volumes, onFault: () => undefined })
  const all = { ...policy, replicaCount: 3, replicaCountMin: 3 }
  const { extent, key, content } = makeExtent(5000)
  const replicas = await writer.write(extent, all)
  for (const replica of replicas) {
    await reader.read({ id: extent.id, size: 5000, key, replicas: [replica] }, 0, 1)
  }
  const [first, ...others] = descriptions
  assert(first !== undefined)
  t.is((await openFiles(first.path)).length, 2)

  await volumes.update([{ ...first, recorded: 'draining' }, ...others])
  t.is((await openFiles(first.path)).length, 1, 'it is read only')
  await volumes.update(others)
  t.deepEqual(await openFiles(first.path), [])
  const read = await reader.read({ id: extent.id, size: 5000, key, replicas }, 0, 1)
  t.true(read.equals(content))
  await t.throwsAsync(writer.write(makeExtent(10).extent, all), { code: 'R2D_UNAVAILABLE' })
  await writer.close()
  await reader.close()
})

test('a lost volume is not even read, and a failed one is once nothing else is left', async t => {
  const { volumes, descriptions, faults } = await openVolumes(t)
  const writer = new ExtentWriter({ volumes, random: () => 0 })
  const reader = new ExtentReader({ volumes, onFault: fault => faults.push(fault) })
  const { extent, key, content } = makeExtent(5000)
  const replicas = await writer.write(extent, policy)
  t.deepEqual(replicas.map(({ volume }) => volume).sort(), [1, 2])
  const read = () => reader.read({ id: extent.id, size: 5000, key, replicas }, 0, 1)
  const list = (first: Partial<VolumeDescription>, second: Partial<VolumeDescription>) =>
    descriptions.map(each => ({ ...each, ...[first, second][each.number - 1] }))

  await volumes.update(list({ recorded: 'lost' }, { failure: 'the main thread says so' }))
  t.deepEqual(
    volumes.all().map(({ state }) => state),
    ['lost', 'failed', 'active']
  )
  t.true((await read()).equals(content))
  await volumes.update(list({ recorded: 'lost' }, { recorded: 'lost' }))
  await t.throwsAsync(read(), { code: 'R2D_EXTENT_UNREADABLE' })
  await volumes.update(list({}, {}))
  t.true((await read()).equals(content))
  t.deepEqual(faults, [])
  await writer.close()
  await reader.close()
})

test('a volume that failed is opened again when its failure is taken back, and fails again if it is not in order', async t => {
  const files = new FaultyFiles()
  const { volumes, descriptions, faults } = await openVolumes(t, files)
  const writer = new ExtentWriter({ volumes, random: () => 0 })
  const failed = descriptions.map(each => (each.number === 1 ? { ...each, failure: 'x' } : each))

  files.faults = { write: { path: 'volume-1', errno: 'EIO' } }
  t.deepEqual(
    (await writer.write(makeExtent(10).extent, policy)).map(({ volume }) => volume),
    [2, 3]
  )
  t.is(volumes.byNumber(1)?.state, 'failed')
  await volumes.update(failed)
  files.faults = {}
  await volumes.update(descriptions)
  t.is(volumes.byNumber(1)?.state, 'active')
  t.is(faults.length, 1)

  await volumes.update(failed)
  await files.remove(join(descriptions[0]?.path ?? '', 'superblock'))
  await volumes.update(descriptions)
  t.is(volumes.byNumber(1)?.state, 'failed')
  t.regex(volumes.byNumber(1)?.reason ?? '', /no superblock/)
  await writer.close()
})

test('a volume is full below the space that is to stay free, and takes more once there is twice that', async t => {
  const files = new FaultyFiles()
  const { descriptions } = await openVolumes(t, files)
  const clock = { now: 1_000_000 }
  const space = { free: 5000 }
  files.space = () => Promise.resolve({ device: 1, free: space.free, total: 10_000 })
  const options = { storeId, onFault: () => undefined, files, now: () => clock.now }
  const volumes = await VolumeSet.open(descriptions, { ...options, freeSpaceMin: 1000 })
  const states = async (free: number): Promise<string[]> => {
    clock.now += 10_000
    space.free = free
    return [...new Set((await volumes.inLocation('here')).map(({ state }) => state))]
  }

  t.deepEqual(await states(1000), ['active'])
  t.deepEqual(await states(999), ['full'])
  t.deepEqual(await states(1999), ['full'])
  t.deepEqual(await states(2000), ['active'])
})

function draining(number: number): (each: VolumeDescription) => VolumeDescription {
  return each => (each.number === number ? { ...each, recorded: 'draining' } : each)
}
