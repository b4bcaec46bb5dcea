// r2d meta as a person uses it: metadata that is lost, old, damaged, moved; dumps that are cut short.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { cp, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import test from 'ava'
import { DaemonProcess, daemonHome, localRequest, startDaemon } from '../daemon/daemon-process.ts'
import { r2dAt, type Outcome } from './command-line.ts'

const bucket = 'kept'

const contentOf = (name: string): Buffer => Buffer.alloc(5000, name)

async function put(daemon: DaemonProcess, ...names: string[]): Promise<void> {
  const [socket] = daemon.status.sockets
  assert(socket !== undefined)
  for (const name of names) {
    const path = `/${bucket}/${name}`
    assert.equal((await localRequest(socket, 'PUT', path, contentOf(name))).status, 200)
  }
}

async function requireObjects(daemon: DaemonProcess, ...names: string[]): Promise<void> {
  const [socket] = daemon.status.sockets
  assert(socket !== undefined)
  for (const name of names) {
    const { status, body } = await localRequest(socket, 'GET', `/${bucket}/${name}`)
    assert.equal(status, 200, name)
    assert.deepEqual(body, contentOf(name))
  }
}

/** With a bucket in it; killed, as a crash does. */
async function makeStore(
  home: string,
  names: string[],
  environment: Record<string, string> = {}
): Promise<void> {
  const daemon = await DaemonProcess.start(home, { R2D_BUCKET: bucket, ...environment })
  const [socket] = daemon.status.sockets
  assert(socket !== undefined)
  const { status } = await localRequest(socket, 'PUT', `/${bucket}`)
  assert(status === 200 || status === 409)
  await put(daemon, ...names)
  await daemon.kill('SIGKILL')
}

async function startAndRequire(home: string, ...names: string[]): Promise<void> {
  const daemon = await DaemonProcess.start(home)
  await requireObjects(daemon, ...names)
  await daemon.stop()
}

const meta = (home: string, ...args: string[]): Promise<Outcome> => r2dAt(home, ['meta', ...args])

test('a daemon that finds volumes without metadata says how to make it again, and leaves the place empty for that', async t => {
  const home = await daemonHome(t)
  await makeStore(home, ['a', 'b'])
  await rm(join(home, 'metadata'), { recursive: true })

  const refused = await t.throwsAsync(DaemonProcess.start(home))
  t.regex(refused.message, /r2d meta rebuild/)
  t.deepEqual(
    (await readdir(home)).filter(name => name === 'metadata'),
    []
  )
  const rebuilt = await meta(home, 'rebuild', '--json')
  t.is(rebuilt.code, 0, rebuilt.stderr)
  const report = JSON.parse(rebuilt.stdout) as { commits: number; losses: string[] }
  t.true(report.commits >= 2)
  t.deepEqual(report.losses, [])
  await startAndRequire(home, 'a', 'b')
})

test('a rebuild is refused while a daemon runs, over metadata that is there, and with another key', async t => {
  const home = await daemonHome(t)
  const daemon = await startDaemon(t, home)
  t.is((await meta(home, 'rebuild', '--replace')).code, 10)
  await daemon.stop()

  const there = await meta(home, 'rebuild')
  t.is(there.code, 5)
  t.regex(there.stderr, /--replace/)
  await rename(join(home, 'metadata'), join(home, 'away'))
  await rename(join(home, 'master.key'), join(home, 'right.key'))
  t.is((await r2dAt(home, ['key', 'generate'])).code, 0)
  const { stdout: other } = await r2dAt(home, ['key', 'generate'])
  const wrong = await r2dAt(home, ['meta', 'rebuild'], {
    environment: { R2D_MASTER_KEY: other.trim() }
  })
  t.is(wrong.code, 10)
  t.regex(wrong.stderr, /master key/)
  await rename(join(home, 'right.key'), join(home, 'master.key'))
  t.is((await meta(home, 'rebuild')).code, 0)
})

test('an old copy of the metadata takes up from the journal what it was not there for', async t => {
  const home = await daemonHome(t)
  await makeStore(home, ['a'])
  await cp(join(home, 'metadata'), join(home, 'copy'), { recursive: true })
  await makeStore(home, ['b', 'c'])
  await rm(join(home, 'metadata'), { recursive: true })
  await rename(join(home, 'copy'), join(home, 'metadata'))

  const daemon = await startDaemon(t, home)
  await requireObjects(daemon, 'a', 'b', 'c')
  t.regex(daemon.stderr(), /took up what the journal had/)
  await daemon.stop()
})

test('volumes in other places are named, their rows follow, and too few of them are refused', async t => {
  const home = await daemonHome(t)
  await makeStore(home, ['a', 'b', 'c'])
  const moved = await daemonHome(t)
  await cp(join(home, 'master.key'), join(moved, 'master.key'))
  await mkdir(join(moved, 'disks'))
  const places = [1, 2, 3].map(n => join(moved, 'disks', `${n}`))
  for (const [index, place] of places.entries()) {
    await rename(join(home, 'volumes', `volume-${index + 1}`), place)
  }

  const few = await meta(moved, 'rebuild', '--volume', places[0] ?? '')
  t.is(few.code, 8)
  t.regex(few.stderr, /2 are not here|none of|no journal/)
  const all = places.flatMap(place => ['--volume', place])
  const rebuilt = await meta(moved, 'rebuild', ...all)
  t.is(rebuilt.code, 0, rebuilt.stderr)
  await startAndRequire(moved, 'a', 'b', 'c')
})

test('verify tells what another copy heals from what is whole nowhere', async t => {
  const home = await daemonHome(t)
  await makeStore(home, ['a', 'b'])
  const whole = await meta(home, 'verify', '--deep')
  t.is(whole.code, 0, whole.stdout)
  t.regex(whole.stdout, /rows compared/)

  const files: string[] = []
  for (const n of [1, 2, 3]) {
    const folder = join(home, 'volumes', `volume-${n}`, 'snapshots')
    const names = await readdir(folder).catch(() => [])
    files.push(...names.map(name => join(folder, name)))
  }
  const [first = '', ...others] = files
  const flip = async (path: string): Promise<void> => {
    const content = await readFile(path)
    const at = Math.floor((await stat(path)).size / 2)
    content[at] = (content[at] ?? 0) ^ 1
    await writeFile(path, content)
  }
  await flip(first)
  const healed = await meta(home, 'verify')
  t.is(healed.code, 1, healed.stdout)
  t.regex(healed.stdout, /damaged: volume/)
  for (const path of others) await flip(path)
  const lost = await meta(home, 'verify', '--json')
  t.is(lost.code, 8)
  t.true((JSON.parse(lost.stdout) as { problems: string[] }).problems.length > 0)
  await rename(join(home, 'metadata'), join(home, 'away'))
  t.is((await meta(home, 'rebuild')).code, 8)

  // The metadata is still there, and puts the volumes right.
  await rename(join(home, 'away'), join(home, 'metadata'))
  const daemon = await startDaemon(t, home)
  t.is((await meta(home, 'snapshot')).code, 0)
  await daemon.kill('SIGKILL')
  await rename(join(home, 'metadata'), join(home, 'away'))
  t.is((await meta(home, 'rebuild')).code, 0)
  await startAndRequire(home, 'a', 'b')
})

test('a dump is taken back whole, in both forms, and not if it was cut short or changed', async t => {
  const home = await daemonHome(t)
  await makeStore(home, ['a', 'b'])
  for (const format of ['ndjson', 'binary']) {
    const file = join(home, `dump.${format}`)
    const dumped = await meta(home, 'dump', '--format', format, '--output', file)
    t.is(dumped.code, 0, dumped.stderr)
    const content = await readFile(file)
    t.false(content.includes('secretAccessKey'))

    await writeFile(join(home, 'cut'), content.subarray(0, content.length - 5))
    t.is((await meta(home, 'load', join(home, 'cut'), '--replace')).code, 8)
    const changed = Buffer.from(content)
    // What nothing reads back may be another: here it is a value.
    const at = format === 'binary' ? content.length >> 1 : content.indexOf('"value":"') + 12
    changed[at] = changed[at] === 0x41 ? 0x42 : 0x41
    await writeFile(join(home, 'changed'), changed)
    t.is((await meta(home, 'load', join(home, 'changed'), '--replace')).code, 8)

    t.is((await meta(home, 'load', file)).code, 5)
    await rename(join(home, 'metadata'), join(home, `before-${format}`))
    const loaded = await meta(home, 'load', file)
    t.is(loaded.code, 0, loaded.stderr)
    await startAndRequire(home, 'a', 'b')
  }
})

test('restore goes back to a snapshot, and what comes then is a history of its own', async t => {
  const home = await daemonHome(t)
  await makeStore(home, ['a'])
  const daemon = await startDaemon(t, home)
  const { stdout } = await meta(home, 'snapshot', '--json')
  const { number } = JSON.parse(stdout) as { number: number }
  await put(daemon, 'b')
  await daemon.stop()

  t.is((await meta(home, 'restore', '12345', '--replace')).code, 2)
  const restored = await meta(home, 'restore', `${number}`, '--replace')
  t.is(restored.code, 0, restored.stderr)
  const again = await startDaemon(t, home)
  await requireObjects(again, 'a')
  const [socket = ''] = again.status.sockets
  t.is((await localRequest(socket, 'GET', `/${bucket}/b`)).status, 404)
  await put(again, 'c')
  await again.kill('SIGKILL')
  await rm(join(home, 'metadata'), { recursive: true })
  t.is((await meta(home, 'rebuild')).code, 0)
  const last = await startDaemon(t, home)
  await requireObjects(last, 'a', 'c')
  const [socketThen = ''] = last.status.sockets
  t.is((await localRequest(socketThen, 'GET', `/${bucket}/b`)).status, 404)
  await last.stop()
})

test('restore finds what was moved to other places since the snapshot', async t => {
  const home = await daemonHome(t)
  const environment = {
    R2D_BUCKET: bucket,
    R2D_GATEWAY_THREADS: '1',
    R2D_SPACE_IDLE: '1',
    R2D_SPACE_DEAD_SHARE: '10'
  }
  const daemon = await startDaemon(t, home, environment)
  const [socket = ''] = daemon.status.sockets
  const [kept, doomed] = [randomBytes(400_000), randomBytes(3_000_000)]
  for (const [name, content] of Object.entries({ kept, doomed })) {
    const { status } = await localRequest(socket, 'PUT', `/${bucket}/${name}`, content)
    t.is(status, 200)
  }
  const { stdout } = await meta(home, 'snapshot', '--json')
  const { number } = JSON.parse(stdout) as { number: number }
  t.is((await localRequest(socket, 'DELETE', `/${bucket}/doomed`)).status, 204)
  const deadline = Date.now() + 60_000
  // Both replicas.
  while ((await daemon.client().status()).compaction.moved < 2 * kept.length) {
    assert(Date.now() < deadline, 'the kept object is moved')
    await delay(100)
  }
  await daemon.stop()

  const restored = await meta(home, 'restore', `${number}`, '--replace')
  t.is(restored.code, 0, restored.stderr)
  const again = await startDaemon(t, home)
  const [socketThen = ''] = again.status.sockets
  const { status, body } = await localRequest(socketThen, 'GET', `/${bucket}/kept`)
  t.is(status, 200)
  t.true(body.equals(kept))
  await again.stop()
})

test('with the journal off nothing is taken from an old one, and on again it begins with a snapshot', async t => {
  const home = await daemonHome(t)
  const off = { R2D_METADATA_JOURNAL: 'off' }
  await makeStore(home, ['a'])
  await makeStore(home, ['b'], off)
  await rename(join(home, 'metadata'), join(home, 'away'))
  t.is((await meta(home, 'rebuild')).code, 0)
  // In a place of its own: a daemon that does not know of b gives its space back.
  const aside = await daemonHome(t)
  await cp(home, aside, { recursive: true, filter: path => path !== join(home, 'run') })
  await startAndRequire(aside, 'a')

  // The metadata that has all of it comes back: what was made meanwhile is no part of it.
  await rm(join(home, 'metadata'), { recursive: true })
  await rename(join(home, 'away'), join(home, 'metadata'))
  await makeStore(home, ['c'])
  await rm(join(home, 'metadata'), { recursive: true })
  t.is((await meta(home, 'rebuild')).code, 0)
  await startAndRequire(home, 'a', 'b', 'c')
})

test('after the master key was rotated the journal opens with the new one, and not with the old', async t => {
  const home = await daemonHome(t)
  await makeStore(home, ['a'])
  const old = await readFile(join(home, 'master.key'))
  const rotated = await r2dAt(home, ['key', 'rotate'])
  t.is(rotated.code, 0, rotated.stderr)
  await makeStore(home, ['b'])
  await rm(join(home, 'metadata'), { recursive: true })
  const current = await readFile(join(home, 'master.key'))

  await writeFile(join(home, 'master.key'), old)
  t.is((await meta(home, 'rebuild')).code, 10)
  await writeFile(join(home, 'master.key'), current)
  t.is((await meta(home, 'rebuild')).code, 0)
  await startAndRequire(home, 'a', 'b')
})
