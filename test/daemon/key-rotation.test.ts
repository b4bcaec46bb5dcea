// Rotation of the master key on a real daemon: under load, killed at any moment, and for each place that a key can be in.
//
// Method of the kills: a store with more buckets than a step of a rotation takes. Each round starts a daemon, asks for a
// rotation, and kills the process with SIGKILL within the time that one takes; some rounds do it without a daemon. Whatever the
// moment, the next start must open the store, with nothing given but what is in the key file. R2D_CRASH_ROUNDS=200 runs it longer.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import test from 'ava'
import { openKeySource } from '../../daemon/key-source.ts'
import { unlockStore } from '../../daemon/open-store.ts'
import { openEngine } from '../../daemon/parts.ts'
import { newKey, openSecret, unwrapKey } from '../../src/crypto/key-wrap.ts'
import { formatMasterKey, parseMasterKeys } from '../../src/crypto/master-key.ts'
import { decodeBucketRecord } from '../../src/metadata/bucket-record.ts'
import { decodeCredentialRecord } from '../../src/metadata/credential-record.ts'
import { bucketRange, credentialRange, parseCredentialKey } from '../../src/metadata/keys.ts'
import { launcher, r2dAt } from '../commands/command-line.ts'
import {
  DaemonProcess,
  daemonHome,
  environmentOf,
  localRequest,
  startDaemon
} from './daemon-process.ts'

const rounds = Number(process.env['R2D_CRASH_ROUNDS'] ?? 12)
const bucketCount = 600

function ask(daemon: DaemonProcess, n: number, method: string, path: string, body?: Buffer) {
  const { sockets } = daemon.status
  return localRequest(sockets[n % sockets.length] ?? '', method, path, body)
}

async function keysIn(path: string): Promise<Buffer[]> {
  return parseMasterKeys(await readFile(join(path, 'master.key'), 'utf8'))
}

async function rotated(daemon: DaemonProcess): Promise<void> {
  while ((await daemon.client().key()).rotation !== undefined) await delay(10)
}

/** The store is closed: every row that holds a wrapped key opens under the one key of the file. */
async function requireOneKey(path: string): Promise<number> {
  const [key, ...more] = await keysIn(path)
  assert(key !== undefined)
  assert.equal(more.length, 0)
  const metadata = { engine: 'rocksdb' as const, path: join(path, 'metadata/rocksdb') }
  const engine = await openEngine({ ...metadata, handle: undefined })
  try {
    const source = openKeySource({ masterKeyFile: join(path, 'master.key') }, '', {
      masterKey: undefined,
      passphrase: undefined
    })
    const { record } = await unlockStore(engine, source)
    assert.equal(record.next, undefined)
    await using buckets = engine.scan(bucketRange(''))
    const bucketRows = await buckets.read(100_000)
    for (const { value } of bucketRows) {
      const { id, wrappedKey } = decodeBucketRecord(value)
      assert(unwrapKey(key, 'bucket', id, wrappedKey) !== undefined)
    }
    await using credentials = engine.scan(credentialRange())
    const credentialRows = await credentials.read(100_000)
    for (const { key: rowKey, value } of credentialRows) {
      const id = Buffer.from(parseCredentialKey(rowKey))
      const { sealedSecret } = decodeCredentialRecord(value)
      assert(openSecret(key, 'credential', id, sealedSecret) !== undefined)
    }
    return bucketRows.length + credentialRows.length
  } finally {
    await engine[Symbol.asyncDispose]()
  }
}

test('a rotation under load leaves every object readable and nothing under the old key', async t => {
  const path = await daemonHome(t)
  const daemon = await startDaemon(t, path)
  const [before] = await keysIn(path)
  const written: string[] = []
  const state = { isRunning: true }
  const writers = Array.from({ length: 6 }, async (_, writer) => {
    for (let n = 0; state.isRunning; n++) {
      const bucket = `w${writer}-${n}`
      const made = await ask(daemon, n, 'PUT', `/${bucket}`)
      assert.equal(made.status, 200, made.body.toString())
      const put = await ask(daemon, n + 1, 'PUT', `/${bucket}/k`, Buffer.from(bucket))
      assert.equal(put.status, 200)
      written.push(bucket)
    }
  })

  for (let n = 0; n < 3; n++) {
    await daemon.client().rotateKey()
    await rotated(daemon)
  }
  state.isRunning = false
  await Promise.all(writers)

  for (const [n, bucket] of written.entries()) {
    const { status, body } = await ask(daemon, n, 'GET', `/${bucket}/k`)
    t.is(status, 200)
    t.is(body.toString(), bucket)
  }
  await daemon.stop()
  t.true(written.length > 10)
  t.is(await requireOneKey(path), written.length + 1)

  assert(before !== undefined)
  const refused = await r2dAt(path, ['daemon', 'start', '--foreground'], {
    environment: { R2D_MASTER_KEY: formatMasterKey(before).trim() }
  })
  t.is(refused.code, 10)
  t.regex(refused.stderr, /not the one of this store/)
})

test('a rotation that is killed at any moment goes on, and the store opens with what its key file holds', async t => {
  t.timeout(rounds * 60_000)
  const path = await daemonHome(t)
  let daemon = await startDaemon(t, path)
  for (let n = 0; n < bucketCount; n += 50) {
    const made = Array.from({ length: 50 }, (_, index) =>
      ask(daemon, index, 'PUT', `/bucket-${n + index}`)
    )
    for (const { status } of await Promise.all(made)) t.is(status, 200)
  }
  t.is((await ask(daemon, 0, 'PUT', '/bucket-7/k', Buffer.from('kept'))).status, 200)
  const access = await daemon.s3()
  await daemon.kill()

  const seen = { one: 0, two: 0, underWay: 0 }
  for (let round = 0; round < rounds; round++) {
    if (round % 3 === 2) {
      const child = spawn(process.execPath, [launcher, 'key', 'rotate'], {
        env: environmentOf(path),
        stdio: 'ignore'
      })
      const ended = once(child, 'close')
      await delay(randomInt(300, 1500))
      child.kill('SIGKILL')
      await ended
    } else {
      daemon = await startDaemon(t, path)
      if ((await daemon.client().key()).rotation !== undefined) seen.underWay++
      void daemon
        .client()
        .rotateKey()
        .catch(() => undefined)
      await delay(randomInt(250))
      await daemon.kill()
    }
    if ((await keysIn(path)).length === 1) seen.one++
    else seen.two++
  }

  daemon = await startDaemon(t, path)
  await rotated(daemon)
  t.is((await ask(daemon, 0, 'GET', '/bucket-7/k')).body.toString(), 'kept')
  t.deepEqual(await daemon.s3(), { ...access, endpoint: daemon.endpoint })
  await daemon.stop()
  t.is(await requireOneKey(path), bucketCount + 1)
  t.true(seen.two > 0)
  t.log(seen)
})

test('a key from the environment is rotated by giving two, and then only the new one opens the store', async t => {
  const path = await daemonHome(t)
  const [first, second] = [newKey(), newKey()].map(key => formatMasterKey(key).trim())
  assert(first !== undefined && second !== undefined)
  let daemon = await startDaemon(t, path, { R2D_MASTER_KEY: first })
  await ask(daemon, 0, 'PUT', '/bucket')
  await ask(daemon, 0, 'PUT', '/bucket/k', Buffer.from('kept'))
  const { source, keyId } = await daemon.client().key()
  t.is(source, 'environment')
  const refused = await t.throwsAsync(daemon.client().rotateKey())
  t.regex(refused.message, /which only you can change/)
  await daemon.stop()

  daemon = await startDaemon(t, path, { R2D_MASTER_KEY: `${second} ${first}` })
  await rotated(daemon)
  t.not((await daemon.client().key()).keyId, keyId)
  t.is((await ask(daemon, 0, 'GET', '/bucket/k')).body.toString(), 'kept')
  await daemon.stop()

  const old = await r2dAt(path, ['daemon', 'start', '--foreground'], {
    environment: { R2D_MASTER_KEY: first }
  })
  t.is(old.code, 10)
  daemon = await startDaemon(t, path, { R2D_MASTER_KEY: second })
  t.is((await ask(daemon, 0, 'GET', '/bucket/k')).body.toString(), 'kept')
  await daemon.stop()
})

test('a key that a command prints is rotated while the store is served', async t => {
  const path = await daemonHome(t)
  const [first, second] = [newKey(), newKey()].map(key => formatMasterKey(key).trim())
  assert(first !== undefined && second !== undefined)
  const secret = join(path, 'secret')
  await writeFile(secret, first)
  await writeFile(join(path, 'r2d.toml'), `key.command = "cat '${secret}'"\n`)
  let daemon = await startDaemon(t, path)
  const { keyId } = await daemon.client().key()
  const refused = await t.throwsAsync(daemon.client().rotateKey())
  t.regex(refused.message, /gives no new one/)

  await writeFile(secret, `${second}\n${first}\n`)
  const { code, stderr } = await r2dAt(path, ['key', 'rotate'])
  t.is(code, 0, stderr)
  t.not((await daemon.client().key()).keyId, keyId)
  await daemon.stop()

  await writeFile(secret, second)
  daemon = await startDaemon(t, path)
  t.is((await daemon.client().key()).source, 'command')
  await daemon.stop()
})

test('without a daemon the command rotates by itself, and a file under a passphrase stays under it', async t => {
  const path = await daemonHome(t)
  const passphrase = { R2D_PASSPHRASE: 'correct horse' }
  const daemon = await startDaemon(t, path, passphrase)
  await daemon.stop()
  const status = await r2dAt(path, ['key', 'status', '--json'], { environment: passphrase })
  t.is(status.code, 0, status.stderr)
  const before = JSON.parse(status.stdout) as { keyId: string; isUnderPassphrase: boolean }
  t.true(before.isUnderPassphrase)

  const { code, stdout, stderr } = await r2dAt(path, ['key', 'rotate', '--json'], {
    environment: passphrase
  })
  t.is(code, 0, stderr)
  const after = JSON.parse(stdout) as typeof before
  t.not(after.keyId, before.keyId)
  t.true(after.isUnderPassphrase)
  const file = await readFile(join(path, 'master.key'), 'utf8')
  t.regex(file, /^r2d-master-key-argon2id-1:\S+\n$/)
  t.is((await r2dAt(path, ['key', 'status'])).code, 10)
})
