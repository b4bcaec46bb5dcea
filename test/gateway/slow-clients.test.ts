// Clients that take nothing, send nothing more, or go away: what they cost the daemon, and that they leave nothing behind.

import { once } from 'node:events'
import { readdir, readFile } from 'node:fs/promises'
import net from 'node:net'
import test from 'ava'
import {
  DaemonProcess,
  localRequest,
  makeDaemonHome,
  removeHome
} from '../daemon/daemon-process.ts'
import { talk } from './raw-client.ts'

let daemon: DaemonProcess

const request = (method: string, path: string, body?: Buffer) => {
  return localRequest(daemon.status.sockets[0] ?? '', method, path, body)
}
const active = async (): Promise<number> => (await daemon.client().status()).counters.active
const descriptors = async (): Promise<number> => {
  return (await readdir(`/proc/${daemon.child.pid ?? 0}/fd`)).length
}
/** Resident memory of the daemon, bytes. */
const resident = async (): Promise<number> => {
  const status = await readFile(`/proc/${daemon.child.pid ?? 0}/status`, 'utf8')
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) * 1024
}

/** Asks until it is so, at most half a minute. */
async function becomes(isSo: () => Promise<boolean>): Promise<boolean> {
  const deadline = Date.now() + 30_000
  while (Date.now() < deadline) if (await isSo()) return true
  return false
}

async function connect(count: number, bytes: string | Buffer): Promise<net.Socket[]> {
  const sockets = Array.from({ length: count }, () => {
    const socket = net.connect({ path: daemon.status.sockets[0] ?? '' })
    socket.on('error', () => undefined)
    socket.pause()
    return socket
  })
  await Promise.all(sockets.map(socket => once(socket, 'connect')))
  for (const socket of sockets) socket.write(bytes)
  return sockets
}

test.before(async () => {
  daemon = await DaemonProcess.start(await makeDaemonHome(), { R2D_GATEWAY_THREADS: '1' })
  await request('PUT', '/bucket')
  await request('PUT', '/bucket/large', Buffer.alloc(64 * 1024 * 1024, 1))
  await request('PUT', '/bucket/small', Buffer.from('small'))
})

test.after.always(async () => {
  await daemon.stop()
  await removeHome(daemon.home)
})

const MiB = 1024 * 1024
const get = 'GET /bucket/large HTTP/1.1\r\nHost: x\r\n\r\n'

test.serial(
  'readers that never read hold a window of the object each, however much they ask for',
  async t => {
    const [files, memory] = [await descriptors(), await resident()]

    const sockets = await connect(100, get.repeat(20))
    t.true(await becomes(async () => (await active()) >= 100 * 20))
    // The daemon goes on serving others, and has settled once it has done so for a while.
    for (let round = 0; round < 200; round++) {
      t.is((await request('GET', '/bucket/small')).body.toString(), 'small')
    }
    t.true((await resident()) - memory < 100 * 2 * MiB + 100 * MiB)

    for (const socket of sockets) socket.destroy()
    t.true(await becomes(async () => (await active()) === 0))
    t.true(await becomes(async () => (await descriptors()) <= files))
  }
)

test.serial('uploads that stall and break off are never seen and leave nothing open', async t => {
  const files = await descriptors()
  const head = 'PUT /bucket/stalled HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000\r\n\r\n'

  const sockets = await connect(100, Buffer.concat([Buffer.from(head), Buffer.alloc(200_000)]))
  t.true(await becomes(async () => (await active()) >= 100))
  t.is((await request('HEAD', '/bucket/stalled')).status, 404)
  for (const socket of sockets) socket.destroy()

  t.true(await becomes(async () => (await active()) === 0))
  t.true(await becomes(async () => (await descriptors()) <= files))
  t.false((await request('GET', '/bucket')).body.toString().includes('stalled'))
})

test.serial('a client that never stops asking is read no further than it is answered', async t => {
  const memory = await resident()
  const [socket] = await connect(1, 'GET /bucket/none HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(300_000))

  t.true(await becomes(async () => (await active()) > 0))
  for (let round = 0; round < 200; round++) await request('GET', '/bucket/small')
  t.true((await active()) < 10_000)
  t.true((await resident()) - memory < 100 * MiB)
  socket?.destroy()

  t.true(await becomes(async () => (await active()) === 0))
})

test.serial('a body that was compressed is kept as it is', async t => {
  // An end of nothing: whoever decompressed it would fail.
  const body = Buffer.from('1f8b0800000000000003', 'hex')
  const head =
    'PUT /bucket/gzip HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\nContent-Length: 10\r\n\r\n'

  const { answers } = await talk({ path: daemon.status.sockets[0] ?? '' }, [
    Buffer.concat([Buffer.from(head), body])
  ])

  t.deepEqual(answers, ['200'])
  const got = await request('GET', '/bucket/gzip')
  t.true(got.body.equals(body))
  t.is(got.headers['content-encoding'], 'gzip')
})
