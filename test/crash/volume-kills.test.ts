// Volumes are added, drained and taken out while writers run and the daemon is killed with SIGKILL at random moments. A volume
// that is said to be removed is deleted from the disk at once: everything acknowledged must be readable without it.
//
// R2D_VOLUME_ROUNDS=100 npx ava dist/test/crash/volume-kills.test.js runs it for longer.

import assert from 'node:assert/strict'
import { createHash, randomInt } from 'node:crypto'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import test from 'ava'
import { VolumeClient } from '../../src/control/volume-client.ts'
import type { VolumeDocument } from '../../src/control/volume-protocol.ts'
import { R2dError } from '../../src/errors.ts'
import { resolveHome } from '../../src/home.ts'
import {
  DaemonProcess,
  localRequest,
  makeDaemonHome,
  removeHome
} from '../daemon/daemon-process.ts'

const rounds = Number(process.env['R2D_VOLUME_ROUNDS'] ?? 6)
const writerCount = 4
const sizes = [100, 5_000, 70_000, 300_000, 4_300_000]
const waitMs = 120_000

/** Keys of what was acknowledged, with the size of each: the content follows from both. */
type Acknowledged = Map<string, number>

interface Figures {
  kills: number
  removed: number
  acknowledged: number
  refused: number
}

function contentOf(key: string, size: number): Buffer {
  return Buffer.alloc(size, createHash('sha512').update(`${key} ${size}`).digest())
}

/** Writes until the daemon is gone, or told to stop; each writer has keys of its own. */
function startWriters(
  daemon: DaemonProcess,
  acknowledged: Acknowledged,
  figures: Figures,
  round: number
): { stop: () => Promise<void> } {
  const state = { isRunning: true }
  const writers = Array.from({ length: writerCount }, async (_, writer) => {
    const { sockets } = daemon.status
    const socket = sockets[writer % sockets.length] ?? ''
    for (let n = 0; state.isRunning; n++) {
      const key = `r${round}-w${writer}-${n % 40}`
      const size = sizes[randomInt(randomInt(4) === 0 ? sizes.length : 3)] ?? 0
      try {
        acknowledged.delete(key)
        const { status } = await localRequest(socket, 'PUT', `/bucket/${key}`, contentOf(key, size))
        if (status === 200) {
          acknowledged.set(key, size)
          figures.acknowledged++
        } else figures.refused++
      } catch {
        // The daemon is gone, and the outcome open: the key is written anew by no other round.
        return
      }
    }
  })
  return {
    async stop() {
      state.isRunning = false
      await Promise.all(writers)
    }
  }
}

async function verify(daemon: DaemonProcess, acknowledged: Acknowledged): Promise<void> {
  const socket = daemon.status.sockets[0] ?? ''
  for (const [key, size] of acknowledged) {
    const { status, body } = await localRequest(socket, 'GET', `/bucket/${key}`)
    assert.equal(status, 200, `${key}: ${body.toString().slice(0, 300)}`)
    assert(body.equals(contentOf(key, size)), `${key} is another`)
  }
}

/** Undefined if the daemon was killed meanwhile. */
async function unlessKilled<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work
  } catch (error) {
    if (error instanceof R2dError && error.code === 'R2D_UNREACHABLE') return undefined
    throw error
  }
}

/** True once the volume is out; false if it is not empty yet. */
async function tryRemove(client: VolumeClient, number: number): Promise<boolean | undefined> {
  try {
    const order = { number, isForced: false, acceptsLoss: false }
    const { state } = await client.remove(order)
    return state === 'removed'
  } catch (error) {
    if (error instanceof R2dError && error.code === 'R2D_VOLUME_IN_USE') return false
    if (error instanceof R2dError && error.code === 'R2D_UNREACHABLE') return undefined
    throw error
  }
}

test('volumes that leave under load, with kills at any moment, take nothing acknowledged with them', async t => {
  t.timeout(rounds * 120_000)
  const home = await makeDaemonHome()
  const disks = await mkdtemp(join(tmpdir(), 'r2d-disks-'))
  t.teardown(() => removeHome(home))
  t.teardown(() => rm(disks, { recursive: true, force: true }))
  const client = new VolumeClient(resolveHome({ R2D_HOME: home }))
  const figures: Figures = { kills: 0, removed: 0, acknowledged: 0, refused: 0 }
  const acknowledged: Acknowledged = new Map()
  const start = (): Promise<DaemonProcess> =>
    DaemonProcess.start(home, { R2D_GATEWAY_THREADS: '2', R2D_LOG_LEVEL: 'error' })

  let daemon = await start()
  t.teardown(() => daemon.kill('SIGKILL'))
  const [socket] = daemon.status.sockets
  assert.equal((await localRequest(socket ?? '', 'PUT', '/bucket')).status, 200)

  for (let round = 0; round < rounds; round++) {
    const path = join(disks, `disk-${round}`)
    await mkdir(path)
    let writers = startWriters(daemon, acknowledged, figures, round)
    const added = await client.add({ path: join(path, 'volume') })
    const leaving = pick(
      (await client.list()).filter(({ state }) => state === 'active'),
      added
    )

    // Killed while it drains, and while it is being taken out, each time at another moment.
    const isKilled = async (withinMs: number): Promise<void> => {
      await delay(randomInt(withinMs))
      await daemon.kill('SIGKILL')
      figures.kills++
      await writers.stop()
      daemon = await start()
      await verify(daemon, acknowledged)
      writers = startWriters(daemon, acknowledged, figures, round + 1000 * figures.kills)
    }
    const draining = unlessKilled(client.drain(leaving.number))
    await isKilled(700)
    await draining
    await client.drain(leaving.number)
    await delay(randomInt(300))
    const removing = tryRemove(client, leaving.number)
    await isKilled(30)
    await removing

    const deadline = performance.now() + waitMs
    for (;;) {
      const isOut = await tryRemove(client, leaving.number)
      if (isOut === true) break
      assert(performance.now() < deadline, `Volume ${leaving.number} does not get empty`)
      await unlessKilled(client.drain(leaving.number))
      await delay(100)
    }
    await rm(leaving.path, { recursive: true, force: true })
    figures.removed++
    await writers.stop()
    await verify(daemon, acknowledged)
  }

  await daemon.stop()
  daemon = await start()
  await verify(daemon, acknowledged)
  await daemon.stop()
  t.is(figures.removed, rounds)
  t.true(figures.acknowledged > rounds)
  t.log(figures)
})

function pick(volumes: readonly VolumeDocument[], added: VolumeDocument): VolumeDocument {
  const others = volumes.filter(({ number }) => number !== added.number)
  const found = others[randomInt(others.length)]
  assert(found !== undefined)
  return found
}
