// The daemon gives space back by itself: across its threads, with files that readers have open, after a kill, and on either engine.

import assert from 'node:assert/strict'
import { readdirSync, readlinkSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import { DaemonProcess, daemonHome, localRequest } from './daemon-process.ts'

const timeoutMs = 120_000
const MiB = 1024 * 1024
const environment = { R2D_SPACE_IDLE: '1', R2D_SPACE_DEAD_SHARE: '20', R2D_SPACE_RATE: '1000' }

async function open(t: ExecutionContext, more: Record<string, string> = {}) {
  const home = await daemonHome(t)
  const start = async (): Promise<DaemonProcess> => {
    const daemon = await DaemonProcess.start(home, { ...environment, ...more })
    t.teardown(() => daemon.kill())
    return daemon
  }
  return { home, start }
}

async function ask(daemon: DaemonProcess, n: number, method: string, path: string, body?: Buffer) {
  const { sockets } = daemon.status
  const socket = sockets[n % sockets.length]
  assert(socket !== undefined)
  const response = await localRequest(socket, method, path, body)
  assert(response.status < 300, `${response.status} ${response.body.toString()}`)
  return response
}

const contentOf = (n: number): Buffer => Buffer.alloc(3 * MiB, `${n}.`)

/** Bytes that the segments of a home take on the disk. */
function usageOf(home: string): number {
  const volumes = readdirSync(join(home, 'volumes'))
  return volumes
    .flatMap(volume => {
      const directory = join(home, 'volumes', volume, 'segments')
      return readdirSync(directory).map(
        name => statSync(join(directory, name), { throwIfNoEntry: false })?.blocks ?? 0
      )
    })
    .reduce((sum, blocks) => sum + 512 * blocks, 0)
}

/** Segments that are gone by name and held open all the same: their space is not given back. */
function heldOpen(pid: number): string[] {
  const directory = `/proc/${pid}/fd`
  return readdirSync(directory)
    .map(name => {
      try {
        return readlinkSync(join(directory, name))
      } catch {
        // Closed since it was listed.
        return ''
      }
    })
    .filter(path => path.endsWith('.segment (deleted)'))
}

async function until(isSo: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadline = Date.now() + timeoutMs
  while (!(await isSo())) {
    assert(Date.now() < deadline, what)
    await delay(100)
  }
}

for (const engine of ['rocksdb', 'classic-level']) {
  test(`${engine}: what is deleted comes back to the disk while the daemon serves, and the status says so`, async t => {
    const { home, start } = await open(t, { R2D_METADATA_ENGINE: engine })
    const daemon = await start()
    await ask(daemon, 0, 'PUT', '/bucket')
    for (let n = 0; n < 12; n++) {
      await ask(daemon, n, 'PUT', `/bucket/${n}`, contentOf(n))
      for (const reader of [0, 1]) await ask(daemon, reader, 'GET', `/bucket/${n}`)
    }
    const before = usageOf(home)

    for (let n = 0; n < 10; n++) await ask(daemon, n, 'DELETE', `/bucket/${n}`)
    // Two objects of 3 MiB on two volumes each are left, and some that is dead beside them.
    await until(() => usageOf(home) < 20 * MiB, 'The space does not come back')

    t.true(before >= 2 * 36 * MiB)
    await until(
      () => heldOpen(daemon.status.pid).length === 0,
      'A reader keeps a file that is gone'
    )
    const { compaction } = await daemon.client().status()
    t.true(compaction.segments > 0)
    t.true((compaction.last?.reclaimed ?? 0) > 0)
    for (const n of [10, 11])
      t.true((await ask(daemon, n, 'GET', `/bucket/${n}`)).body.equals(contentOf(n)))
    const live = async (): Promise<number> =>
      (await daemon.client().status()).volumes.reduce((sum, { used, dead }) => sum + used - dead, 0)
    await until(
      async () => (await live()) >= 2 * 6 * MiB,
      'The account does not come to what is live'
    )
    await daemon.stop()
  })
}

test('what a killed daemon had not given back, the next one does', async t => {
  const { home, start } = await open(t)
  const first = await start()
  await ask(first, 0, 'PUT', '/bucket')
  for (let n = 0; n < 8; n++) await ask(first, n, 'PUT', `/bucket/${n}`, contentOf(n))
  for (let n = 0; n < 7; n++) await ask(first, n, 'DELETE', `/bucket/${n}`)
  await first.kill('SIGKILL')

  const second = await start()
  await until(() => usageOf(home) < 8 * MiB, 'The space does not come back')

  t.true((await ask(second, 7, 'GET', '/bucket/7')).body.equals(contentOf(7)))
  await second.stop()
})
