// The commands for volumes, locations and replicas, as a person and as a script use them.

import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { DaemonProcess, makeDaemonHome, removeHome } from '../daemon/daemon-process.ts'
import { r2dAt, type Outcome } from './command-line.ts'

let daemon: DaemonProcess
let disks: string

test.before(async () => {
  daemon = await DaemonProcess.start(await makeDaemonHome(), { R2D_GATEWAY_THREADS: '1' })
  disks = await mkdtemp(join(tmpdir(), 'r2d-disks-'))
})

test.after.always(async () => {
  await daemon.stop()
  await removeHome(daemon.home)
  await rm(disks, { recursive: true, force: true })
})

const r2d = (...args: string[]): Promise<Outcome> => r2dAt(daemon.home, args)

test.serial('volumes are listed, added and shown, for a person and as JSON', async t => {
  const path = join(disks, 'four')
  const added = await r2d('volume', 'add', path, '--failure-domain', 'shelf')
  t.is(added.code, 0, added.stderr)
  t.is(added.stdout, `Added volume 4 in location local: ${path}\n`)

  const listed = await r2d('volume', 'ls')
  const [head, ...rows] = listed.stdout.trimEnd().split('\n')
  t.regex(head ?? '', /^volume +state +location +free +faults +path$/)
  t.is(rows.length, 4)
  t.regex(rows[3] ?? '', new RegExp(`^4 +active +local .* ${path}$`))

  const shown: unknown = JSON.parse((await r2d('volume', 'info', '4', '--json')).stdout)
  t.like(shown, { number: 4, path, failureDomain: 'shelf', state: 'active', extents: 0 })
  t.regex((await r2d('volume', 'info', '4')).stdout, /failures +with shelf/)
  const all = JSON.parse((await r2d('volume', 'ls', '--json')).stdout) as { number: number }[]
  t.deepEqual(
    all.map(({ number }) => number),
    [1, 2, 3, 4]
  )
})

test.serial('what is refused has an exit code of its own, a reason, and a way out', async t => {
  await writeFile(join(disks, 'holiday.jpg'), 'x')
  const refused: [string[], number, RegExp][] = [
    [['volume', 'info', '99'], 4, /There is no volume 99/],
    [['volume', 'info', 'two'], 2, /no number of a volume/],
    [['volume', 'add', join(daemon.home, 'volumes', 'volume-1')], 5, /is volume 1 already/],
    [['volume', 'add', disks], 5, /has volume 4 inside it/],
    [['volume', 'add', join(disks, 'x'), '--location', 'weur'], 2, /r2d location set weur/],
    [['volume', 'rm', '1'], 5, /r2d volume drain 1/],
    [['volume', 'rm', '1', '--accept-loss'], 2, /--force/],
    [['volume', 'drain', '1', '--wait', '--cancel'], 2, /cancel/],
    [['location', 'set', 'local', '--replicas', '9'], 5, /r2d volume add/],
    [['location', 'set', 'local', '--replicas', '2', '--minimum', '3'], 2, /minimum/],
    [['bucket', 'replicas', 'get', 'none'], 4, /There is no bucket none/],
    [['bucket', 'replicas', 'set', 'none'], 2, /default/]
  ]

  for (const [args, code, reason] of refused) {
    const outcome = await r2d(...args)
    t.is(outcome.code, code, `${args.join(' ')}: ${outcome.stderr}`)
    t.regex(outcome.stderr, reason)
    t.is(outcome.stdout, '')
  }
  const asJson = JSON.parse((await r2d('volume', 'info', '99', '--json')).stdout) as object
  t.like(asJson, { error: { code: 'R2D_NO_SUCH_VOLUME' } })
})

test.serial('replicas are set for a location and a bucket, and shown', async t => {
  assert.equal((await r2d('bucket', 'create', 'pictures')).code, 0)
  const set = await r2d('location', 'set', 'local', '--replicas', '3', '--minimum', '2')
  t.is(set.stdout, 'Location local keeps 3 replicas, at least 2\n')
  t.regex((await r2d('location', 'ls')).stdout, /^local +3 +2$/m)

  await r2d('bucket', 'replicas', 'set', 'r2://pictures', '--replicas', '1')
  const own = await r2d('bucket', 'replicas', 'get', 'pictures')
  t.regex(own.stdout, /replicas +1\nminimum +1\nset by +the bucket/)
  await r2d('bucket', 'replicas', 'set', 'pictures', '--default')
  const shared: unknown = JSON.parse(
    (await r2d('bucket', 'replicas', 'get', 'pictures', '--json')).stdout
  )
  t.deepEqual(shared, {
    bucket: 'pictures',
    location: 'local',
    isOwn: false,
    replicaCount: 3,
    replicaCountMin: 2
  })
  t.is((await r2d('location', 'set', 'weur', '--replicas', '1')).code, 0)
  t.is((await r2d('volume', 'add', join(disks, 'weur'), '--location', 'weur')).code, 0)
})

test.serial('a drain is called off, and a volume that is in order needs no repair', async t => {
  t.is((await r2d('location', 'set', 'local', '--replicas', '2')).code, 0)
  t.is((await r2d('volume', 'drain', '4')).stdout, 'Volume 4 is being emptied\n')
  t.is((await r2d('volume', 'drain', '4', '--cancel')).stdout, 'Volume 4 is active\n')
  t.is((await r2d('volume', 'repair', '4')).stdout, 'Volume 4 is in order, and in use: active\n')

  t.is((await r2d('volume', 'drain', '4', '--wait')).code, 0)
  const removed = await r2d('volume', 'rm', '4')
  t.is(removed.stdout, `Removed volume 4: nothing uses ${join(disks, 'four')} any more\n`)
  t.notRegex((await r2d('volume', 'ls')).stdout, /^4 /m)
  t.regex((await r2d('volume', 'ls', '--all')).stdout, /^4 +removed /m)
  const again = await r2d('volume', 'add', join(disks, 'four'))
  t.is(again.code, 5)
  t.regex(again.stderr, /was volume 4, which is removed now/)
})
