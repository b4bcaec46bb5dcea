// Disks that get full, each a small tmpfs: writes are refused and say why, reads and deletes go on, and once there is space
// writes do, too.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import { VolumeClient } from '../../src/control/volume-client.ts'
import { resolveHome } from '../../src/home.ts'
import { SmallDisk } from '../faults/small-disk.ts'
import { DaemonProcess, daemonHome, localRequest, type LocalResponse } from './daemon-process.ts'

const MiB = 1024 * 1024
const waitMs = 60_000

type Ask = (method: string, path: string, body?: Buffer) => Promise<LocalResponse>

async function start(
  t: ExecutionContext,
  home: string,
  environment: Record<string, string>
): Promise<{ daemon: DaemonProcess; ask: Ask }> {
  const daemon = await DaemonProcess.start(home, { R2D_GATEWAY_THREADS: '1', ...environment })
  t.teardown(() => daemon.kill('SIGKILL'))
  const [socket] = daemon.status.sockets
  assert(socket !== undefined)
  // Metadata of some size, so that few objects take much of it.
  const headers = { 'x-amz-meta-filler': 'x'.repeat(7_000) }
  const ask: Ask = (method, path, body) =>
    localRequest(socket, method, `/bucket/${path}`, body, method === 'PUT' ? headers : {})
  assert.equal((await ask('PUT', '')).status, 200)
  return { daemon, ask }
}

/** Asks again and again, for a minute at most. */
async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + waitMs
  while (!(await holds().catch(() => false))) {
    assert(performance.now() < deadline, `${what} has not come about`)
    await delay(20)
  }
}

function contentOf(key: string, size: number): Buffer {
  const block = createHash('sha512').update(key).digest()
  return Buffer.alloc(size, block)
}

/** The keys that were acknowledged before a write was refused for want of space, and what that said. */
async function putUntilFull(
  ask: Ask,
  size: number
): Promise<{ keys: string[]; refusal: LocalResponse }> {
  const keys: string[] = []
  for (;;) {
    const key = `key-${keys.length}`
    const answer = await ask('PUT', key, contentOf(key, size))
    if (answer.status !== 200) return { keys, refusal: answer }
    keys.push(key)
  }
}

test('volumes that are full refuse writes with the reason, reads and deletes go on, and a volume that is added takes writes', async t => {
  const home = await daemonHome(t)
  for (const n of [1, 2, 3]) await SmallDisk.mount(t, join(home, 'volumes', `volume-${n}`), 40)
  const disk = await SmallDisk.mount(t, join(home, 'disk-4'), 40)
  const disk5 = await SmallDisk.mount(t, join(home, 'disk-5'), 40)
  const { daemon, ask } = await start(t, home, { R2D_VOLUMES_RESERVE: '4' })

  const { keys, refusal } = await putUntilFull(ask, MiB)
  t.is(refusal.status, 507)
  t.regex(refusal.body.toString(), /<Code>InsufficientStorage<\/Code>.*full/)
  // Three disks of 40 MiB, 4 of each left free, two replicas: some 54 MiB of content.
  t.true(keys.length >= 45, `${keys.length} MiB were written`)
  t.is((await ask('PUT', 'small', Buffer.from('x'))).status, 507)
  for (const key of keys) {
    t.true((await ask('GET', key)).body.equals(contentOf(key, MiB)), key)
  }
  const { volumes } = await daemon.client().status()
  t.true(volumes.some(({ state }) => state === 'full'))
  t.true(volumes.every(({ state }) => state !== 'failed'))
  t.is((await ask('DELETE', 'key-0')).status, 204)
  t.is((await ask('GET', 'key-0')).status, 404)

  const client = new VolumeClient(resolveHome({ R2D_HOME: home }))
  await client.add({ path: join(disk.path, 'volume') })
  await client.add({ path: join(disk5.path, 'volume') })
  t.is((await ask('PUT', 'again', contentOf('again', MiB))).status, 200)
  t.true((await ask('GET', 'again')).body.equals(contentOf('again', MiB)))
  await daemon.stop()
})

test('a metadata disk that gets full refuses writes with the reason, and deletes go on whatever others do with the disk', async t => {
  const home = await daemonHome(t)
  const disk = await SmallDisk.mount(t, join(home, 'metadata'), 160)
  const { daemon, ask } = await start(t, home, { R2D_METADATA_RESERVE: '48' })
  await until('the ballast', () => Promise.resolve(disk.free < 120 * MiB))

  const early = Array.from({ length: 300 }, (_, n) => `early-${n}`)
  for (const key of early) assert.equal((await ask('PUT', key, contentOf(key, 100))).status, 200)
  disk.fill(50 * MiB)
  const { keys: late, refusal } = await putUntilFull(ask, 100)
  const keys = [...early, ...late]
  t.is(refusal.status, 507)
  t.regex(
    refusal.body.toString(),
    /disk of the metadata has [34]\d MiB free, and 48 are to stay so/
  )
  await until('the status', async () => (await daemon.client().status()).metadataDisk.isShort)

  disk.fill()
  await until('ballast given up', () => Promise.resolve(disk.free > 10 * MiB))
  for (const [n, key] of keys.entries()) {
    if (n % 2 === 0) t.is((await ask('DELETE', key)).status, 204)
    else
      t.is((await ask('GET', key)).body.toString('hex'), contentOf(key, 100).toString('hex'), key)
  }
  t.is((await ask('PUT', 'refused', Buffer.from('x'))).status, 507)

  disk.clear()
  await until('room', async () => (await ask('PUT', 'again', Buffer.from('x'))).status === 200)
  await until('the ballast', () => Promise.resolve(disk.free < 120 * MiB))
  for (const [n, key] of keys.entries()) {
    t.is((await ask('HEAD', key)).status, n % 2 === 0 ? 404 : 200)
  }
  await daemon.stop()
})

test('an engine that met a full disk is opened again by the same process once there is space, and has what was acknowledged', async t => {
  const home = await daemonHome(t)
  const disk = await SmallDisk.mount(t, join(home, 'metadata'), 64)
  // So little that the log has nothing set aside for it.
  disk.fill(8 * MiB)
  const { daemon, ask } = await start(t, home, { R2D_METADATA_RESERVE: '1' })
  const keys = Array.from({ length: 300 }, (_, n) => `key-${n}`)
  for (const key of keys) assert.equal((await ask('PUT', key, Buffer.from(key))).status, 200)

  const deleted = new Set<string>()
  const tried = new Set<string>()
  await until('a commit that fails', async () => {
    disk.fill()
    for (const key of keys) {
      if (tried.has(key)) continue
      tried.add(key)
      const { status } = await ask('DELETE', key)
      if (status !== 204) return status === 507
      deleted.add(key)
      if (deleted.size % 10 === 0) return false
    }
    throw new Error('The engine never met the full disk')
  })
  t.is((await ask('GET', 'key-299')).body.toString(), 'key-299')

  disk.clear()
  await until(
    'a write',
    async () => (await ask('PUT', 'again', Buffer.from('again'))).status === 200
  )
  t.is((await daemon.client().status()).pid, daemon.status.pid)
  t.is((await daemon.client().status()).endpoint, daemon.status.endpoint)
  t.is((await ask('GET', 'again')).body.toString(), 'again')
  for (const key of keys) {
    const { status, body } = await ask('GET', key)
    if (deleted.has(key)) t.is(status, 404, key)
    else if (!tried.has(key)) t.is(body.toString(), key)
    // Of what was not acknowledged either may be so.
    else t.true(status === 404 || body.toString() === key)
  }
  t.regex(daemon.stderr(), /takes no more writes/)
  await daemon.stop()
})
