// Access keys on a real daemon with several gateway threads: made, listed without secrets, and refused everywhere once revoked.

import test from 'ava'
import { r2dAt } from '../commands/command-line.ts'
import { signedSend } from '../conformance/signed-send.ts'
import { DaemonProcess, makeDaemonHome, removeHome } from './daemon-process.ts'

let daemon: DaemonProcess

test.before(async () => {
  daemon = await DaemonProcess.start(await makeDaemonHome(), { R2D_GATEWAY_THREADS: '4' })
})

test.after.always(async () => {
  await daemon.stop()
  await removeHome(daemon.home)
})

const r2d = (...args: string[]) => r2dAt(daemon.home, args)

test('a key that is revoked is refused by every thread from the moment of the answer', async t => {
  const client = daemon.client()
  for (let round = 0; round < 10; round++) {
    const key = await client.createAccessKey({ description: `round ${round}` })
    const { accessKeyId, secretAccessKey } = key
    const s3 = { endpoint: daemon.endpoint, accessKeyId, secretAccessKey }
    const ask = () => signedSend(s3, { method: 'GET', path: '/' })
    // Connections are spread over the threads: each comes to know the key.
    for (const { status } of await Promise.all(Array.from({ length: 24 }, ask))) t.is(status, 200)

    await client.revokeAccessKey(accessKeyId)

    for (const { status, code } of await Promise.all(Array.from({ length: 24 }, ask))) {
      t.is(status, 401)
      t.is(code, 'Unauthorized')
    }
  }
})

test('the command line makes, lists and revokes keys, and shows a secret once', async t => {
  const made = await r2d('access-key', 'create', '--description', 'laptop', '--json')
  t.is(made.code, 0, made.stderr)
  const { accessKeyId, secretAccessKey } = JSON.parse(made.stdout) as Record<string, string>
  const listed = await r2d('access-key', 'ls')
  t.true(listed.stdout.includes(`${accessKeyId ?? ''}  laptop`))
  t.false(listed.stdout.includes(secretAccessKey ?? ''))
  t.false((await r2d('access-key', 'ls', '--json')).stdout.includes(secretAccessKey ?? ''))

  t.is((await r2d('access-key', 'rm', accessKeyId ?? '')).code, 0)
  t.is((await r2d('access-key', 'rm', accessKeyId ?? '')).code, 4)
  t.is((await r2d('access-key', 'rm', '../etc')).code, 2)
  t.false((await r2d('access-key', 'ls')).stdout.includes(accessKeyId ?? ''))
  t.false(daemon.stderr().includes(secretAccessKey ?? ''))
})

test('what no client of ours sends is refused', async t => {
  const client = daemon.client()
  await t.throwsAsync(client.createAccessKey({ description: 'x'.repeat(257) }), {
    code: 'R2D_INVALID_CONFIG'
  })
  await t.throwsAsync(client.revokeAccessKey(''), { code: 'R2D_INVALID_CONFIG' })
})
