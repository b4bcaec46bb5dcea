// Connections by the thousand, most of which do nothing, and heads that never end: others are served, and nothing runs out.

import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { readdir } from 'node:fs/promises'
import net from 'node:net'
import test, { type ExecutionContext } from 'ava'
import { connectionLimit, descriptorLimit } from '../../daemon/connection-limit.ts'
import {
  DaemonProcess,
  localRequest,
  makeDaemonHome,
  removeHome
} from '../daemon/daemon-process.ts'
import { addressOf, talk } from './raw-client.ts'

async function start(t: ExecutionContext, descriptorCount?: number): Promise<DaemonProcess> {
  const daemon = await DaemonProcess.start(
    await makeDaemonHome(),
    { R2D_GATEWAY_THREADS: '1' },
    descriptorCount === undefined ? {} : { descriptorCount }
  )
  t.teardown(async () => {
    await daemon.stop()
    await removeHome(daemon.home)
  })
  return daemon
}

/** Connections to the endpoint, one after the other, that say nothing. `closed` resolves once so many are closed again. */
async function idle(
  t: ExecutionContext,
  daemon: DaemonProcess,
  count: number
): Promise<{ sockets: net.Socket[]; closed: (count: number) => Promise<void> }> {
  const sockets: net.Socket[] = []
  const closings = new EventEmitter()
  let closedCount = 0
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
  })
  for (let opened = 0; opened < count; opened++) {
    const socket = net.connect(addressOf(daemon.endpoint))
    socket.on('error', () => undefined)
    socket.once('close', () => {
      closedCount++
      closings.emit('close')
    })
    socket.resume()
    sockets.push(socket)
    await once(socket, 'connect')
  }
  const closed = async (wanted: number): Promise<void> => {
    while (closedCount < wanted) await once(closings, 'close')
    assert.equal(closedCount, wanted)
  }
  return { sockets, closed }
}

const request = (daemon: DaemonProcess, method: string, path: string, body?: Buffer) => {
  return localRequest(daemon.status.sockets[0] ?? '', method, path, body)
}

const writeAndRead = async (t: ExecutionContext, daemon: DaemonProcess): Promise<void> => {
  const content = Buffer.alloc(3_000_000, 5)
  await request(daemon, 'PUT', '/bucket')
  t.is((await request(daemon, 'PUT', '/bucket/key', content)).status, 200)
  t.true((await request(daemon, 'GET', '/bucket/key')).body.equals(content))
  const { volumes } = await daemon.client().status()
  t.deepEqual(
    volumes.map(({ state }) => state),
    ['active', 'active', 'active']
  )
}

test.serial(
  'of 4,200 connections that do nothing 4,096 are kept, and others are served',
  async t => {
    t.true(descriptorLimit() >= 4 * 4200, 'The test itself needs descriptors')
    const daemon = await start(t)

    const { sockets, closed } = await idle(t, daemon, 4200)
    await closed(104)
    await writeAndRead(t, daemon)
    sockets[0]?.destroy()
    sockets[1]?.destroy()
    // A place that is free again is given to the next one.
    const answers = async () =>
      (await talk(addressOf(daemon.endpoint), ['GET / HTTP/1.1\r\nHost: x\r\n\r\n'])).answers
    let found = await answers()
    while (found.length === 0) found = await answers()
    t.deepEqual(found, ['400 InvalidArgument'])
  }
)

test.serial(
  'a process that may have few descriptors keeps enough of them for its files',
  async t => {
    const daemon = await start(t, 600)

    const { closed } = await idle(t, daemon, 700)
    await closed(550)
    await writeAndRead(t, daemon)

    const open = await readdir(`/proc/${daemon.child.pid ?? 0}/fd`)
    t.true(open.length < 600, String(open.length))
  }
)

test.serial(
  'a head that does not end is given up after half a minute, while others are served',
  async t => {
    const daemon = await start(t)
    const started = performance.now()
    const slow = talk(addressOf(daemon.endpoint), ['GET / HTTP/1.1\r\nHost: x\r\nX-Slow: '], {
      isHalfClosed: false
    })
    await writeAndRead(t, daemon)

    const { answers } = await slow
    const seconds = (performance.now() - started) / 1000

    t.deepEqual(answers, ['400 RequestTimeout'])
    t.true(seconds >= 29 && seconds < 60, String(seconds))
  }
)

test('connections get half of the descriptors, within bounds', t => {
  t.is(connectionLimit(2, Infinity), 4096)
  t.is(connectionLimit(2, 1_048_576), 4096)
  t.is(connectionLimit(4, 4096), 256)
  t.is(connectionLimit(64, 256), 16)
})
