// The daemon as a process: what it refuses to start on, what it does when it is told to stop, and when a part dies.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { spawn } from 'node:child_process'
import { createHash, randomBytes, randomInt } from 'node:crypto'
import { open, readdir, readFile, rename, stat, writeFile } from 'node:fs/promises'
import http from 'node:http'
import { join } from 'node:path'
import test from 'ava'
import { formatMasterKey, sealMasterKey } from '../../src/crypto/master-key.ts'
import {
  DaemonProcess,
  daemonHome,
  environmentOf,
  localRequest,
  removeHome,
  root,
  startDaemon
} from './daemon-process.ts'

/** Every file under the volumes and the master key, with its content's digest. */
async function fingerprint(path: string): Promise<string[]> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true })
  const files = entries.filter(
    entry => entry.isFile() && !entry.parentPath.includes(join(path, 'metadata'))
  )
  const lines = await Promise.all(
    files.map(async entry => {
      const file = join(entry.parentPath, entry.name)
      return `${file} ${createHash('sha256')
        .update(await readFile(file))
        .digest('hex')}`
    })
  )
  return lines.sort()
}

function socket(daemon: DaemonProcess): string {
  const [first] = daemon.status.sockets
  assert(first !== undefined)
  return first
}

const put = (daemon: DaemonProcess, path: string, body = Buffer.alloc(0)) => {
  return localRequest(socket(daemon), 'PUT', path, body)
}
const get = (daemon: DaemonProcess, path: string) => localRequest(socket(daemon), 'GET', path)

test('a new home gets a key for its owner alone, three volumes, two replicas, one access key', async t => {
  const path = await daemonHome(t)
  const daemon = await startDaemon(t, path)

  t.is((await stat(join(path, 'master.key'))).mode & 0o777, 0o600)
  for (const file of ['control.sock', 's3-0.sock', 'r2d.pid']) {
    t.is((await stat(join(path, 'run', file))).mode & 0o777, 0o600, `${file} is private`)
  }
  t.is(daemon.status.volumes.length, 3)
  t.deepEqual(daemon.status.locations, [{ name: 'local', replicaCount: 2, replicaCountMin: 2 }])
  const credentials = await daemon.client().credentials()
  t.is(credentials.length, 1)
  t.regex(credentials[0]?.accessKeyId ?? '', /^[0-9a-f]{32}$/)
  await daemon.stop()
  t.false(daemon.stderr().includes(credentials[0]?.secretAccessKey ?? ''))
})

test('a second daemon on the same home is refused, and the first goes on', async t => {
  const path = await daemonHome(t)
  const daemon = await startDaemon(t, path)

  const error = await t.throwsAsync(DaemonProcess.start(path))

  t.regex(error.message, /ended with 10/)
  t.regex(error.message, /Another process has the metadata .* open/)
  t.is((await put(daemon, '/still-here')).status, 200)
  await daemon.stop()
})

test('a port that another program listens on is a clear refusal', async t => {
  const server = http.createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const address = server.address()
  const port = typeof address === 'object' ? String(address?.port) : ''

  const error = await t.throwsAsync(DaemonProcess.start(await daemonHome(t), { R2D_S3_PORT: port }))

  t.regex(error.message, /Cannot listen on 127\.0\.0\.1/)
})

test('a way of being compatible that there is not is a clear refusal', async t => {
  const error = await t.throwsAsync(
    DaemonProcess.start(await daemonHome(t), { R2D_S3_COMPAT: 'aws' })
  )

  t.regex(error.message, /s3\.compat is "aws" in R2D_S3_COMPAT, which is not r2, strict-r2/)
})

test('a wrong master key is refused, and nothing is touched', async t => {
  const path = await daemonHome(t)
  const first = await startDaemon(t, path)
  await put(first, '/bucket')
  await put(first, '/bucket/key', Buffer.from('content'))
  await first.stop()
  const right = await readFile(join(path, 'master.key'))
  await writeFile(join(path, 'master.key'), formatMasterKey(randomBytes(32)), { mode: 0o600 })
  const before = await fingerprint(path)

  const error = await t.throwsAsync(DaemonProcess.start(path))

  t.regex(error.message, /ended with 10/)
  t.regex(error.message, /The master key is not the one of this store/)
  t.deepEqual(await fingerprint(path), before)
  await writeFile(join(path, 'master.key'), right)
  const again = await startDaemon(t, path)
  t.is((await get(again, '/bucket/key')).body.toString(), 'content')
  await again.stop()
})

test('a store whose key file is gone is refused, and gets no new one', async t => {
  const path = await daemonHome(t)
  const first = await startDaemon(t, path)
  await first.stop()
  await rename(join(path, 'master.key'), join(path, 'elsewhere'))

  const error = await t.throwsAsync(DaemonProcess.start(path))

  t.regex(error.message, /There is no master key file/)
  t.false((await readdir(path)).includes('master.key'))
})

test('the master key may come from the environment, or be opened by a passphrase', async t => {
  const key = randomBytes(32)
  const byVariable = await daemonHome(t)
  const environment = { R2D_MASTER_KEY: formatMasterKey(key) }
  await (await startDaemon(t, byVariable, environment)).stop()
  t.false((await readdir(byVariable)).includes('master.key'))
  await (await startDaemon(t, byVariable, environment)).stop()

  const sealed = sealMasterKey(key, 'open sesame', { operations: 1, memoryKiB: 8 })
  await writeFile(join(byVariable, 'master.key'), sealed, { mode: 0o600 })
  await (await startDaemon(t, byVariable, { R2D_PASSPHRASE: 'open sesame' })).stop()
  const error = await t.throwsAsync(DaemonProcess.start(byVariable, { R2D_PASSPHRASE: 'wrong' }))
  t.regex(error.message, /The passphrase does not open the master key/)
})

test('volumes without their metadata are not taken for a new store', async t => {
  const path = await daemonHome(t)
  await (await startDaemon(t, path)).stop()
  await rename(join(path, 'metadata'), join(path, 'lost'))
  const before = await fingerprint(path)

  const error = await t.throwsAsync(DaemonProcess.start(path))

  t.regex(error.message, /is a volume, but there is no metadata/)
  t.deepEqual(
    (await fingerprint(path)).filter(line => !line.includes('/metadata/')),
    before
  )
})

test('a request in flight when the daemon is told to stop is finished', async t => {
  const path = await daemonHome(t)
  const daemon = await startDaemon(t, path)
  await put(daemon, '/bucket')
  const body = randomBytes(100_000)

  const request = http.request({
    socketPath: socket(daemon),
    method: 'PUT',
    path: '/bucket/slow',
    headers: { 'content-length': body.length, expect: '100-continue' }
  })
  request.flushHeaders()
  // The daemon is in the middle of it once it asks for the body. Its counters may speak of another request.
  await once(request, 'continue')
  request.write(body.subarray(0, 50_000))
  const ended = once(daemon.child, 'exit')
  daemon.child.kill('SIGTERM')
  while (!daemon.stderr().includes('stopping'))
    await once(daemon.child.stderr ?? daemon.child, 'data')
  request.end(body.subarray(50_000))

  const [response] = (await once(request, 'response')) as [http.IncomingMessage]
  t.is(response.statusCode, 200)
  response.resume()
  t.deepEqual(await ended, [0, null])
  const again = await startDaemon(t, path)
  t.true((await get(again, '/bucket/slow')).body.equals(body))
  await again.stop()
})

test('an upload that breaks off leaves nothing to be seen', async t => {
  const path = await daemonHome(t)
  const daemon = await startDaemon(t, path)
  await put(daemon, '/bucket')

  for (const size of [1000, 9_000_000]) {
    const request = http.request({
      socketPath: socket(daemon),
      method: 'PUT',
      path: '/bucket/broken',
      headers: { 'content-length': size }
    })
    request.on('error', () => undefined)
    request.write(Buffer.alloc(size - 1))
    while ((await daemon.client().status()).counters.active === 0) await get(daemon, '/')
    request.destroy()
    while ((await daemon.client().status()).counters.active > 0) await get(daemon, '/')
  }

  t.is((await get(daemon, '/bucket/broken')).status, 404)
  t.false((await get(daemon, '/bucket?list-type=2')).body.toString().includes('<Key>'))
  await daemon.stop()
})

test('a replica that rots is read around, reported, and shown in the status', async t => {
  const path = await daemonHome(t)
  const daemon = await startDaemon(t, path, { R2D_GATEWAY_THREADS: '1' })
  await put(daemon, '/bucket')
  const contents = Array.from({ length: 20 }, () => randomBytes(3000))
  for (const [n, content] of contents.entries()) await put(daemon, `/bucket/${n}`, content)

  // All segments of one volume that has some: one replica of each object.
  const segmentsOf = (number: number): string =>
    join(path, 'volumes', `volume-${number}`, 'segments')
  const { volumes } = await daemon.client().status()
  let rotten = 0
  for (const { number } of volumes) {
    if (rotten === 0 && (await readdir(segmentsOf(number))).length > 0) rotten = number
  }
  for (const name of await readdir(segmentsOf(rotten))) {
    const file = await open(join(segmentsOf(rotten), name), 'r+')
    const { size } = await file.stat()
    await file.write(Buffer.alloc(Math.max(0, size - 200), 0xee), 0, Math.max(0, size - 200), 100)
    await file.close()
  }

  for (const [n, content] of contents.entries()) {
    t.true((await get(daemon, `/bucket/${n}`)).body.equals(content))
  }
  const status = await daemon.client().status()
  t.true(status.counters.volumeFaults > 0)
  t.like(status.faults[0], { kind: 'read', volume: rotten })
  t.is(status.volumes[rotten - 1]?.faults, status.counters.volumeFaults)
  await daemon.stop()
})

test('a body that is refused in the middle is answered, and nothing is stored', async t => {
  const path = await daemonHome(t)
  const daemon = await startDaemon(t, path)
  await put(daemon, '/bucket')

  const chunks = 'zz\r\n'
  const { status, body } = await localRequest(
    socket(daemon),
    'PUT',
    '/bucket/k',
    Buffer.concat([Buffer.from(chunks), Buffer.alloc(1_000_000)]),
    {
      'x-amz-content-sha256': 'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
      'x-amz-decoded-content-length': '900000'
    }
  )

  t.is(status, 400)
  t.regex(body.toString(), /<Code>InvalidRequest<\/Code>/)
  t.is((await get(daemon, '/bucket/k')).status, 404)
  await daemon.stop()
})

test('a reader that goes away in the middle costs the daemon nothing', async t => {
  const path = await daemonHome(t)
  const daemon = await startDaemon(t, path)
  await put(daemon, '/bucket')
  await put(daemon, '/bucket/large', randomBytes(20_000_000))

  for (let n = 0; n < 20; n++) {
    const request = http.request({ socketPath: socket(daemon), path: '/bucket/large' }).end()
    const [response] = (await once(request, 'response')) as [http.IncomingMessage]
    await once(response, 'readable')
    request.destroy()
  }

  t.is((await get(daemon, '/bucket/large')).body.length, 20_000_000)
  const status = await daemon.client().status()
  t.is(status.threadsReplaced, 0)
  t.is(status.counters.volumeFaults, 0)
  await daemon.stop()
})

test('a store that is moved to another place is the same store', async t => {
  const path = await daemonHome(t)
  const daemon = await startDaemon(t, path)
  await put(daemon, '/bucket')
  await put(daemon, '/bucket/key', Buffer.from('content'))
  await daemon.stop()
  const elsewhere = `${path}-moved`
  t.teardown(() => removeHome(elsewhere))

  await rename(path, elsewhere)
  const again = await startDaemon(t, elsewhere)

  t.is((await get(again, '/bucket/key')).body.toString(), 'content')
  t.true(again.status.volumes.every(volume => volume.path.startsWith(elsewhere)))
  await again.stop()
})

test('a first start that is killed at any moment is gone on with by the next', async t => {
  for (let round = 0; round < 4; round++) {
    const path = await daemonHome(t)
    for (let attempt = 0; attempt < 3; attempt++) {
      const child = spawn(process.execPath, [join(root, 'bin/r2d'), 'up', '--quiet'], {
        env: environmentOf(path),
        stdio: 'ignore'
      })
      // The part that makes the store comes after half a second or so of loading.
      const alarm = setTimeout(() => child.kill('SIGKILL'), randomInt(300, 1500))
      await once(child, 'exit')
      clearTimeout(alarm)
    }

    const daemon = await startDaemon(t, path)
    t.is(daemon.status.volumes.length, 3)
    t.true(daemon.status.volumes.every(({ state }) => state === 'active'))
    t.is((await daemon.client().credentials()).length, 1)
    t.is((await put(daemon, '/bucket')).status, 200)
    t.is((await put(daemon, '/bucket/key', Buffer.from('x'))).status, 200)
    await daemon.stop()
  }
})
