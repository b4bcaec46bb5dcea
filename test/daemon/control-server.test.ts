// The control socket, given what no client of ours sends.

import { join } from 'node:path'
import test from 'ava'
import { talk, type Address } from '../gateway/raw-client.ts'
import { DaemonProcess, makeDaemonHome, removeHome } from './daemon-process.ts'

let daemon: DaemonProcess
let control: Address

test.before(async () => {
  daemon = await DaemonProcess.start(await makeDaemonHome(), { R2D_GATEWAY_THREADS: '1' })
  control = { path: join(daemon.home, 'run', 'control.sock') }
})

test.after.always(async () => {
  await daemon.stop()
  await removeHome(daemon.home)
})

const host = 'Host: x\r\nConnection: close\r\n'
const post = (body: string | Buffer, path = '/v1/presign'): Buffer => {
  const head = `POST ${path} HTTP/1.1\r\n${host}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n`
  return Buffer.concat([Buffer.from(head), Buffer.from(body)])
}
const presign = (fields: object): Buffer => {
  return post(
    JSON.stringify({ method: 'GET', bucket: 'b', key: 'k', expiresSeconds: 1, ...fields })
  )
}

const refused: [string, Buffer, string][] = [
  ['no JSON', post('{'), '400'],
  ['nothing', post(''), '400'],
  ['null', post('null'), '400'],
  ['a list', post('[[]]'), '400'],
  ['a text', post('"x"'), '400'],
  ['60,000 levels', post('['.repeat(60_000)), '400'],
  ['a document of 1 MB', post('x'.repeat(1_000_000)), '400'],
  ['bytes that are no UTF-8', post(Buffer.from([0x22, 0xff, 0x22])), '400'],
  ['a method that is no string', presign({ method: {} }), '400'],
  ['half a surrogate pair for a key', presign({ key: '\ud800' }), '400'],
  ['no key', presign({ key: '' }), '400'],
  ['no bucket', presign({ bucket: '' }), '400'],
  ['a time that is none', presign({ expiresSeconds: 'soon' }), '400'],
  ['a time that is too long', presign({ expiresSeconds: 604_801 }), '400'],
  ['no such path', post('', '/v1/__proto__'), '400'],
  ['another method', post('', '/v1/status'), '400'],
  ['no HTTP', Buffer.from('NONSENSE\r\n\r\n'), '400'],
  [
    'two lengths',
    Buffer.from(`GET / HTTP/1.1\r\n${host}Content-Length: 1\r\nContent-Length: 2\r\n\r\n`),
    '400'
  ],
  ['a head of 60 KB', Buffer.from(`GET / HTTP/1.1\r\nX: ${'x'.repeat(60_000)}\r\n\r\n`), '431']
]

for (const [what, bytes, status] of refused) {
  test(`the control socket refuses ${what}, and goes on`, async t => {
    const { answers } = await talk(control, [bytes], { isHalfClosed: false })

    t.deepEqual(answers, [status])
    t.is((await daemon.client().status()).pid, daemon.status.pid)
  })
}

test('a key that the network cuts within a character is the key', async t => {
  const bytes = presign({ key: 'a🙂b' })
  const cut = bytes.indexOf(Buffer.from('🙂')) + 2

  const { text } = await talk(control, [bytes.subarray(0, cut), bytes.subarray(cut)], {
    isHalfClosed: false
  })

  t.regex(text, /a%F0%9F%99%82b/)
})
