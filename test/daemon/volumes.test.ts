// Volumes and replica policies of a daemon that serves: added, emptied, given up, replaced; and what is refused, and why.

import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as turn, setTimeout as delay } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import { VolumeClient } from '../../src/control/volume-client.ts'
import type { VolumeDocument } from '../../src/control/volume-protocol.ts'
import { resolveHome } from '../../src/home.ts'
import { createVolume } from '../../src/storage/superblock.ts'
import { DaemonProcess, localRequest, makeDaemonHome, removeHome } from './daemon-process.ts'

interface Serving {
  daemon: DaemonProcess
  home: string
  volumes: VolumeClient
  /** A directory for disks. */
  disks: string
  put: (key: string, content?: Buffer) => Promise<number>
  get: (key: string) => Promise<Buffer>
}

async function serve(t: ExecutionContext): Promise<Serving> {
  const home = await makeDaemonHome()
  const disks = await mkdtemp(join(tmpdir(), 'r2d-disks-'))
  const daemon = await DaemonProcess.start(home, { R2D_GATEWAY_THREADS: '2' })
  t.teardown(async () => {
    await daemon.kill('SIGKILL')
    await removeHome(home)
    await rm(disks, { recursive: true, force: true })
  })

  let n = 0
  const socket = (): string => {
    const { sockets } = daemon.status
    const path = sockets[n++ % sockets.length]
    assert(path !== undefined)
    return path
  }
  assert.equal((await localRequest(socket(), 'PUT', '/bucket')).status, 200)
  return {
    daemon,
    home,
    disks,
    volumes: new VolumeClient(resolveHome({ R2D_HOME: home })),
    put: async (key, content = Buffer.from(key)) =>
      (await localRequest(socket(), 'PUT', `/bucket/${key}`, content)).status,
    get: async key => {
      const { status, body } = await localRequest(socket(), 'GET', `/bucket/${key}`)
      assert.equal(status, 200, `${key}: ${body.toString()}`)
      return body
    }
  }
}

async function stateOf({ volumes }: Serving, number: number): Promise<VolumeDocument['state']> {
  const found = (await volumes.list()).find(volume => volume.number === number)
  assert(found !== undefined)
  return found.state
}

async function segmentCount(path: string): Promise<number> {
  return (await readdir(join(path, 'segments'))).length
}

test('a volume is added under load, every thread writes to it, and it is there after a restart', async t => {
  const serving = await serve(t)
  const { volumes, disks, put, home } = serving
  let isRunning = true
  const written: string[] = []
  const writers = Array.from({ length: 4 }, async (_, writer) => {
    for (let n = 0; isRunning; n++) {
      const key = `${writer}-${n}`
      assert.equal(await put(key), 200)
      written.push(key)
    }
  })

  while (written.length < 50) await turn()
  const path = join(disks, 'four')
  const added = await volumes.add({ path, failureDomain: 'shelf' })
  t.like(added, { number: 4, path, location: 'local', failureDomain: 'shelf', state: 'active' })
  isRunning = false
  await Promise.all(writers)

  // Large extents are the gateways' own: each begins a segment of its own there, and the committer one for small ones.
  const large = Buffer.alloc(4_500_000, 7)
  const small = Buffer.alloc(250_000, 7)
  for (let n = 0; n < 60 && (await segmentCount(path)) < 3; n++) {
    // One by each of the two gateways.
    assert.equal(await put(`large-${n % 6}`, large), 200)
    assert.equal(await put(`large-${6 + (n % 6)}`, large), 200)
    // A placement is for 4 MiB: this is a quarter of one.
    for (const k of [0, 1, 2, 3]) assert.equal(await put(`small-${k}`, small), 200)
  }
  t.is(await segmentCount(path), 3)

  await serving.daemon.stop()
  const again = await DaemonProcess.start(home)
  const found = (await volumes.list()).map(({ number, state }) => [number, state])
  t.deepEqual(found, [
    [1, 'active'],
    [2, 'active'],
    [3, 'active'],
    [4, 'active']
  ])
  const socket = again.status.sockets[0] ?? ''
  for (const key of written) {
    const { body } = await localRequest(socket, 'GET', `/bucket/${key}`)
    t.is(body.toString(), key)
  }
  await again.stop()
})

test('directories that cannot be a volume are refused, each for its own reason, and nothing is changed', async t => {
  const serving = await serve(t)
  const { volumes, disks, home } = serving
  await mkdir(join(disks, 'used'))
  await writeFile(join(disks, 'used', 'holiday.jpg'), 'x')
  await symlink(join(home, 'volumes', 'volume-1'), join(disks, 'link'))
  await createVolume(join(disks, 'foreign'), { storeId: Buffer.alloc(16, 1), number: 9 })
  await mkdir(join(disks, 'broken'))
  await writeFile(join(disks, 'broken', 'superblock'), Buffer.alloc(64))
  await writeFile(join(disks, 'file'), '')

  const refused: [string, string, RegExp][] = [
    [join(home, 'volumes', 'volume-1'), 'R2D_VOLUME_EXISTS', /is volume 1 already/],
    [join(disks, 'link'), 'R2D_VOLUME_EXISTS', /is volume 1 already/],
    [join(disks, 'link', 'deeper'), 'R2D_VOLUME_EXISTS', /inside volume 1/],
    [join(home, 'volumes'), 'R2D_VOLUME_EXISTS', /has volume 1 inside it/],
    [join(home, 'metadata', 'x'), 'R2D_VOLUME_EXISTS', /inside the metadata/],
    [join(disks, 'used'), 'R2D_VOLUME_EXISTS', /holiday\.jpg/],
    [join(disks, 'foreign'), 'R2D_FOREIGN_VOLUME', /another store/],
    [join(disks, 'broken'), 'R2D_FOREIGN_VOLUME', /superblock is not readable/],
    [join(disks, 'none', 'x'), 'R2D_INVALID_CONFIG', /is not there/],
    ['relative/path', 'R2D_INVALID_CONFIG', /absolute/]
  ]
  for (const [path, code, message] of refused) {
    const error = await t.throwsAsync(volumes.add({ path }), { code }, path)
    t.regex(error.message, message)
  }
  await t.throwsAsync(volumes.add({ path: join(disks, 'file') }))
  await t.throwsAsync(volumes.add({ path: join(disks, 'new'), location: 'weur' }), {
    code: 'R2D_INVALID_LOCATION'
  })

  t.is((await volumes.list()).length, 3)
  t.deepEqual(await readdir(join(disks, 'used')), ['holiday.jpg'])
})

test('a volume that is drained gets nothing new, and is not taken out while an extent is on it', async t => {
  const serving = await serve(t)
  const { volumes, put, get, home } = serving
  for (let n = 0; n < 20; n++) assert.equal(await put(`before-${n}`), 200)

  await t.throwsAsync(volumes.remove({ number: 1, isForced: false, acceptsLoss: false }), {
    code: 'R2D_VOLUME_IN_USE'
  })
  t.is((await volumes.drain(1)).state, 'draining')
  t.is((await volumes.drain(1)).state, 'draining')
  const paths = [1, 2, 3].map(n => join(home, 'volumes', `volume-${n}`, 'segments'))
  const drained = paths[0] ?? ''
  const names = await readdir(drained)
  for (let n = 0; n < 20; n++) assert.equal(await put(`after-${n}`), 200)
  assert.equal(await put('large', Buffer.alloc(9_000_000)), 200)
  t.deepEqual(await readdir(drained), names)

  // Two are left, which is what two replicas need.
  const tooFew = await t.throwsAsync(volumes.drain(2), { code: 'R2D_TOO_FEW_VOLUMES' })
  t.regex(tooFew.message, /2 replicas/)
  await t.throwsAsync(volumes.drain(17), { code: 'R2D_NO_SUCH_VOLUME' })
  t.is((await volumes.undrain(1)).state, 'active')
  t.is(await stateOf(serving, 2), 'active')
  for (let n = 0; n < 20; n++) {
    t.is((await get(`before-${n}`)).toString(), `before-${n}`)
    t.is((await get(`after-${n}`)).toString(), `after-${n}`)
  }
})

test('a volume is emptied and taken out, whatever number of replicas there is of what is on it', async t => {
  const serving = await serve(t)
  const { volumes, put, get, home } = serving
  const policy = { name: 'local', replicaCountMin: 2 }
  const all = { bucket: 'bucket', replicaCount: 1, replicaCountMin: 1 }
  for (let n = 0; n < 10; n++) assert.equal(await put(`two-${n}`), 200)
  await volumes.setLocation({ ...policy, replicaCount: 3 })
  for (let n = 0; n < 10; n++) assert.equal(await put(`three-${n}`), 200)
  await volumes.setLocation({ ...policy, replicaCount: 2 })
  await volumes.setBucketReplicas(all)
  for (let n = 0; n < 10; n++) assert.equal(await put(`one-${n}`, Buffer.alloc(2_000_000, n)), 200)

  await volumes.drain(1)
  const deadline = performance.now() + 60_000
  while ((await volumes.info(1)).extents > 0) {
    assert(performance.now() < deadline, 'Volume 1 does not get empty')
    await delay(20)
  }
  const order = { number: 1, isForced: false, acceptsLoss: false }
  t.is((await volumes.remove(order)).state, 'removed')
  t.is((await volumes.remove(order)).state, 'removed')
  await rm(join(home, 'volumes', 'volume-1'), { recursive: true })
  for (let n = 0; n < 10; n++) {
    t.is((await get(`two-${n}`)).toString(), `two-${n}`)
    t.is((await get(`three-${n}`)).toString(), `three-${n}`)
    t.true((await get(`one-${n}`)).equals(Buffer.alloc(2_000_000, n)))
  }
  assert.equal(await put('after'), 200)
})

test('a volume that fails a write is left by all threads, and used again once it is in order', async t => {
  const serving = await serve(t)
  const { volumes, put, home, daemon } = serving
  const path = join(home, 'volumes', 'volume-2')
  const small = Buffer.alloc(250_000, 7)

  await rename(join(path, 'segments'), join(path, 'away'))
  for (let n = 0; (await stateOf(serving, 2)) !== 'failed'; n++) {
    assert.equal(await put(`key-${n % 4}`, small), 200)
  }
  const [failed] = (await daemon.client().status()).volumes.filter(({ number }) => number === 2)
  t.regex(failed?.reason ?? '', /ENOENT/)
  await t.throwsAsync(volumes.repair({ number: 2, acceptsLoss: false }))

  await rename(join(path, 'away'), join(path, 'segments'))
  t.is((await volumes.repair({ number: 2, acceptsLoss: false })).outcome, 'reactivated')
  t.is((await volumes.repair({ number: 2, acceptsLoss: false })).outcome, 'active')
  for (let n = 0; n < 200 && (await segmentCount(path)) < 3; n++) {
    assert.equal(await put(`again-${n}`, Buffer.alloc(4_300_000, n)), 200)
    assert.equal(await put(`too-${n}`, Buffer.alloc(4_300_000, n)), 200)
    for (const k of [0, 1, 2, 3]) assert.equal(await put(`small-${k}`, small), 200)
  }
  t.true((await segmentCount(path)) >= 3)
  // What writing was tried with is gone.
  const known = new Set(['journal', 'segments', 'snapshots', 'superblock'])
  t.deepEqual(
    (await readdir(path)).filter(name => !known.has(name)),
    []
  )
})

test('two disks that are swapped, a missing one and a foreign one are told apart, and none is taken over', async t => {
  const serving = await serve(t)
  const { volumes, put, home } = serving
  assert.equal(await put('key'), 200)
  const path = (n: number): string => join(home, 'volumes', `volume-${n}`)
  const repair = (number: number) => volumes.repair({ number, acceptsLoss: false })

  await rename(path(1), path(9))
  const missing = await t.throwsAsync(repair(1), { code: 'R2D_FOREIGN_VOLUME' })
  t.regex(missing.message, /is not there/)
  await rename(path(2), path(1))
  const swapped = await t.throwsAsync(repair(1), { code: 'R2D_FOREIGN_VOLUME' })
  t.regex(swapped.message, /it is volume 2 of this store/)
  await createVolume(path(2), { storeId: Buffer.alloc(16, 1), number: 2 })
  const foreign = await t.throwsAsync(repair(2), { code: 'R2D_FOREIGN_VOLUME' })
  t.regex(foreign.message, /another store/)
  await mkdir(join(home, 'volumes', 'stranger'))
  t.is((await volumes.list()).length, 3)
})

test('an empty directory takes the place of a volume by a new number, unless something would be lost', async t => {
  const serving = await serve(t)
  const { volumes, put, get, home } = serving
  const path = join(home, 'volumes', 'volume-1')
  for (let n = 0; n < 30; n++) assert.equal(await put(`key-${n}`), 200)
  await volumes.setBucketReplicas({ bucket: 'bucket', replicaCount: 1, replicaCountMin: 1 })
  for (let n = 0; n < 30; n++) assert.equal(await put(`one-${n}`, Buffer.alloc(3_000_000)), 200)
  const { extentsOnlyHere } = await volumes.info(1)
  assert(extentsOnlyHere > 0)

  await rm(path, { recursive: true })
  await mkdir(path)
  const refused = await t.throwsAsync(volumes.repair({ number: 1, acceptsLoss: false }), {
    code: 'R2D_VOLUME_IN_USE'
  })
  t.regex(refused.message, new RegExp(`^${extentsOnlyHere} of the`))
  t.deepEqual(await readdir(path), [])

  const { outcome, volume } = await volumes.repair({ number: 1, acceptsLoss: true })
  t.is(outcome, 'replaced')
  t.like(volume, { number: 4, path, state: 'active' })
  t.is(await stateOf(serving, 1), 'lost')
  for (let n = 0; n < 30; n++) t.is((await get(`key-${n}`)).toString(), `key-${n}`)
})

test('replica policies hold from the next write on, and cannot ask for more volumes than there are', async t => {
  const serving = await serve(t)
  const { volumes, put } = serving
  const set = (replicaCount: number, replicaCountMin: number, name = 'local') =>
    volumes.setLocation({ name, replicaCount, replicaCountMin })

  await t.throwsAsync(set(4, 4), { code: 'R2D_TOO_FEW_VOLUMES' })
  await t.throwsAsync(set(2, 3), { code: 'R2D_INVALID_CONFIG' })
  await t.throwsAsync(set(2, 2, 'Not a Name'), { code: 'R2D_INVALID_LOCATION' })
  t.deepEqual(await set(3, 2), [{ name: 'local', replicaCount: 3, replicaCountMin: 2 }])
  assert.equal(await put('three'), 200)
  for (const number of [1, 2, 3]) t.is((await volumes.info(number)).extents, 1)

  t.like(await volumes.bucketReplicas('bucket'), { isOwn: false, replicaCount: 3 })
  const own = { bucket: 'bucket', replicaCount: 1, replicaCountMin: 1 }
  t.like(await volumes.setBucketReplicas(own), { isOwn: true, replicaCount: 1 })
  assert.equal(await put('one'), 200)
  const extents = await Promise.all([1, 2, 3].map(async n => (await volumes.info(n)).extents))
  t.is(
    extents.reduce((sum, count) => sum + count),
    4
  )
  t.like(await volumes.setBucketReplicas({ bucket: 'bucket' }), { isOwn: false, replicaCount: 3 })
  await t.throwsAsync(volumes.bucketReplicas('none'), { code: 'R2D_NO_SUCH_BUCKET' })
  await t.throwsAsync(volumes.setBucketReplicas({ ...own, replicaCount: 9, replicaCountMin: 9 }), {
    code: 'R2D_TOO_FEW_VOLUMES'
  })
})
