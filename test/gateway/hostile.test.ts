// What a daemon answers to bytes that are not quite HTTP, or HTTP that is meant to be read in two ways.

import test from 'ava'
import {
  DaemonProcess,
  localRequest,
  makeDaemonHome,
  removeHome
} from '../daemon/daemon-process.ts'
import { addressOf, talk, type Address } from './raw-client.ts'

let daemon: DaemonProcess
let local: Address
let endpoint: Address

const host = 'Host: x\r\n'
const put = (key: string, headers: string, body = ''): string => {
  return `PUT /bucket/${key} HTTP/1.1\r\n${host}${headers}\r\n${body}`
}
const get = (path: string, headers = host): string => `GET ${path} HTTP/1.1\r\n${headers}\r\n`
/** Behind a request whose end is in doubt: it must never be carried out. */
const smuggled = (key = 'smuggled'): string => put(key, 'Content-Length: 0\r\n')

const request = (method: string, path: string, body?: Buffer) => {
  return localRequest(daemon.status.sockets[0] ?? '', method, path, body)
}

test.before(async () => {
  daemon = await DaemonProcess.start(await makeDaemonHome(), { R2D_GATEWAY_THREADS: '1' })
  local = { path: daemon.status.sockets[0] ?? '' }
  endpoint = addressOf(daemon.endpoint)
  await request('PUT', '/bucket')
  await request('PUT', '/bucket/key', Buffer.from('0123456789'))
})

test.after.always(async () => {
  await daemon.stop()
  await removeHome(daemon.home)
})

const chunked = 'Transfer-Encoding: chunked\r\n'
const chunks = '3\r\nabc\r\n0\r\n\r\n'
const doubtful: [string, string, string][] = [
  [
    'a Content-Length and a Transfer-Encoding',
    put('x', `Content-Length: 6\r\n${chunked}`, '0\r\n\r\n'),
    '400 InvalidRequest'
  ],
  [
    'a Transfer-Encoding and a Content-Length',
    put('x', `${chunked}Content-Length: 3\r\n`, chunks),
    '400 InvalidRequest'
  ],
  [
    'two lengths',
    put('x', 'Content-Length: 3\r\nContent-Length: 4\r\n', 'abc'),
    '400 InvalidRequest'
  ],
  [
    'one length twice',
    put('x', 'Content-Length: 3\r\nContent-Length: 3\r\n', 'abc'),
    '400 InvalidRequest'
  ],
  ['a list of lengths', put('x', 'Content-Length: 3, 3\r\n', 'abc'), '400 InvalidRequest'],
  ['a negative length', put('x', 'Content-Length: -3\r\n', 'abc'), '400 InvalidRequest'],
  ['a length with a sign', put('x', 'Content-Length: +3\r\n', 'abc'), '400 InvalidRequest'],
  ['a length in hex', put('x', 'Content-Length: 0x3\r\n', 'abc'), '400 InvalidRequest'],
  [
    'a length over 64 bits',
    put('x', 'Content-Length: 99999999999999999999\r\n'),
    '400 InvalidRequest'
  ],
  [
    'a coding that is not known',
    put('x', 'Transfer-Encoding: xchunked\r\n', chunks),
    '501 NotImplemented'
  ],
  [
    'a coding behind chunked',
    put('x', 'Transfer-Encoding: chunked, identity\r\n', chunks),
    '400 InvalidRequest'
  ],
  [
    'a coding in front of chunked',
    put('x', 'Transfer-Encoding: gzip, chunked\r\n', chunks),
    '501 NotImplemented'
  ],
  [
    'two codings in two headers',
    put('x', `Transfer-Encoding: identity\r\n${chunked}`, chunks),
    '501 NotImplemented'
  ],
  ['chunked twice', put('x', chunked + chunked, chunks), '400 InvalidRequest'],
  [
    'a vertical tab before chunked',
    put('x', 'Transfer-Encoding:\vchunked\r\n', chunks),
    '400 InvalidRequest'
  ],
  [
    'a space before the colon',
    put('x', 'Transfer-Encoding : chunked\r\n', chunks),
    '400 InvalidRequest'
  ],
  ['a folded coding', put('x', 'Transfer-Encoding:\r\n chunked\r\n', chunks), '400 InvalidRequest'],
  [
    'chunks in HTTP/1.0',
    put('x', chunked, chunks).replace('HTTP/1.1', 'HTTP/1.0'),
    '400 InvalidRequest'
  ],
  ['a chunk size that is none', put('x', chunked, 'zz\r\nabc\r\n0\r\n\r\n'), '400 InvalidRequest'],
  [
    'a chunk size over 64 bits',
    put('x', chunked, '10000000000000003\r\nabc\r\n0\r\n\r\n'),
    '400 InvalidRequest'
  ],
  ['chunks that end in bare LF', put('x', chunked, '3\nabc\n0\n\n'), '400 InvalidRequest'],
  [
    'a chunk extension of 20 KB',
    put('x', chunked, `3;${'e'.repeat(20_000)}\r\nabc\r\n0\r\n\r\n`),
    '400 InvalidRequest'
  ],
  [
    'trailers of 60 KB',
    put('x', chunked, `3\r\nabc\r\n0\r\nx: ${'t'.repeat(60_000)}\r\n\r\n`),
    '431 MetadataTooLarge'
  ],
  [
    'bare LF for lines',
    'PUT /bucket/x HTTP/1.1\nHost: x\nContent-Length: 0\n\n',
    '400 InvalidRequest'
  ],
  ['a bare LF in a header', get('/bucket/key', `${host}X-A: b\nX-B: c\r\n`), '400 InvalidRequest'],
  ['a bare CR in a header', get('/bucket/key', `${host}X-A: b\rX-B: c\r\n`), '400 InvalidRequest'],
  ['a NUL in a header', get('/bucket/key', `${host}X-A: b\0c\r\n`), '400 InvalidRequest'],
  [
    'a control character in a header',
    get('/bucket/key', `${host}X-A: b\u0001c\r\n`),
    '400 InvalidRequest'
  ],
  ['a folded header', get('/bucket/key', `${host}X-A: b\r\n c\r\n`), '400 InvalidRequest'],
  ['a header without a name', get('/bucket/key', `${host}: b\r\n`), '400 InvalidRequest'],
  ['no Host', get('/bucket/key', ''), '400 InvalidRequest'],
  ['two Hosts', get('/bucket/key', 'Host: a\r\nHost: b\r\n'), '400 InvalidRequest'],
  ['one Host twice', get('/bucket/key', 'Host: a\r\nhOST: a\r\n'), '400 InvalidRequest'],
  ['a Host that is none', get('/bucket/key', 'Host: a/b@c d\r\n'), '400 InvalidRequest'],
  ['HTTP/0.9 by name', 'GET /bucket/key HTTP/0.9\r\n\r\n', '505 HttpVersionNotSupported'],
  ['HTTP/0.9', 'GET /bucket/key\r\n\r\n', '505 HttpVersionNotSupported'],
  ['HTTP/1.2', get('/bucket/key').replace('/1.1', '/1.2'), '400 InvalidRequest'],
  ['HTTP/2.0 by name', get('/bucket/key').replace('/1.1', '/2.0'), '505 HttpVersionNotSupported'],
  ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', '400 InvalidRequest'],
  ['a method in lower case', get('/bucket/key').replace('GET', 'get'), '400 InvalidRequest'],
  ['a method that nobody knows', get('/bucket/key').replace('GET', 'FETCH'), '400 InvalidRequest'],
  ['CONNECT', `CONNECT x:80 HTTP/1.1\r\n${host}\r\n`, '404 RouteNotFound'],
  ['a space in the target', get('/bucket/key x'), '400 InvalidRequest'],
  ['bytes over 127 in the target', get('/bucket/ü'), '400 InvalidRequest'],
  ['a control character in the target', get('/bucket/a\u0001b'), '400 InvalidRequest'],
  [
    'a head of 60 KB',
    get('/bucket/key', `${host}X-A: ${'a'.repeat(60_000)}\r\n`),
    '431 MetadataTooLarge'
  ],
  ['a target of 60 KB', get(`/bucket/${'a'.repeat(60_000)}`), '431 MetadataTooLarge'],
  ['12,000 headers', get('/bucket/key', host + 'a:\r\n'.repeat(12_000)), '431 MetadataTooLarge'],
  [
    'an expectation that is not known',
    put('x', 'Expect: 200-ok\r\nContent-Length: 0\r\n'),
    '417 ExpectationFailed'
  ],
  [
    'an offer to speak something else',
    get('/bucket/none', `${host}Connection: Upgrade\r\nUpgrade: h2c\r\n`),
    '404 NoSuchKey'
  ]
]

for (const [n, [what, bytes, expected]] of doubtful.entries()) {
  test(`a request with ${what} has one answer, and nothing behind it is carried out`, async t => {
    for (const address of [
      local,
      ...(expected.includes('NoSuchKey') || what.includes('trailers') ? [] : [endpoint])
    ]) {
      const { answers } = await talk(address, [bytes + smuggled(`smuggled-${n}`)])
      t.deepEqual(answers, [expected])
    }
    t.is((await request('HEAD', `/bucket/smuggled-${n}`)).status, 404)
    t.is((await request('HEAD', '/bucket/x')).status, 404)
  })
}

const sound: [string, string, string][] = [
  ['an absolute target', get('http://x/bucket/key'), '400 InvalidURI'],
  ['OPTIONS *', `OPTIONS * HTTP/1.1\r\n${host}\r\n`, '400 InvalidURI'],
  [
    'a method that S3 has no use for',
    get('/bucket/key').replace('GET', 'PROPFIND'),
    '404 RouteNotFound'
  ],
  ['a target of 17 KB', get(`/bucket/${'a'.repeat(17_000)}`), '400 InvalidURI'],
  ['a key of 1,025 bytes', put('k'.repeat(1025), 'Content-Length: 0\r\n'), '400 InvalidObjectName'],
  ['a surrogate in UTF-8', put('%ED%A0%80', 'Content-Length: 0\r\n'), '400 InvalidURI'],
  ['an overlong slash', put('%C0%AF', 'Content-Length: 0\r\n'), '400 InvalidURI'],
  [
    'a body over 5 GiB',
    put(
      'x',
      'Content-Length: 0\r\nx-amz-decoded-content-length: 5368709121\r\nx-amz-content-sha256: STREAMING-UNSIGNED-PAYLOAD-TRAILER\r\n'
    ),
    '400 EntityTooLarge'
  ],
  ['a parameter named as what every object has', get('/bucket?constructor'), '501 NotImplemented'],
  ['a parameter named __proto__', get('/bucket?__proto__'), '501 NotImplemented'],
  ['an empty line in front', `\r\n${get('/bucket/none')}`, '404 NoSuchKey'],
  [
    'CRLF for a response header',
    get('/bucket/key?response-content-disposition=a%0D%0AX:%20y'),
    '400 InvalidArgument'
  ],
  [
    'text for a response header',
    get('/bucket/key?response-content-type=%E2%82%AC'),
    '400 InvalidArgument'
  ]
]

for (const [what, bytes, expected] of sound) {
  test(`a request with ${what} is answered, and the next one, too`, async t => {
    const { answers } = await talk(local, [bytes + get('/bucket/none?next')])

    t.deepEqual(answers, [expected, '404 NoSuchKey'])
  })
}

test('HTTP/1.0 is spoken, one request a connection', async t => {
  const old = get('/bucket/key', '').replace('HTTP/1.1', 'HTTP/1.0')

  const { answers, text } = await talk(local, [old + smuggled()])

  t.deepEqual(answers, ['200'])
  t.true(text.endsWith('\r\n\r\n0123456789'))
})

test('requests that are sent at once are carried out one after the other', async t => {
  const { answers, text } = await talk(local, [
    put('line', 'Content-Length: 3\r\n', 'abc') +
      get('/bucket/line') +
      put('line', 'Content-Length: 3\r\n', 'def') +
      get('/bucket/line') +
      `DELETE /bucket/line HTTP/1.1\r\n${host}\r\n` +
      get('/bucket/line')
  ])

  t.deepEqual(answers, ['200', '200', '200', '200', '204', '404 NoSuchKey'])
  t.deepEqual(text.match(/^(abc|def)/gm), ['abc', 'def'])
})

test('of ten thousand requests that are sent at once none is lost', async t => {
  const count = 10_000
  const requests = Array.from({ length: count }, (_, n) => get(`/bucket/none-${n}?x`))

  const { answers } = await talk(local, [requests.join('')])

  t.is(answers.length, count)
  t.true(answers.every(answer => answer === '404 NoSuchKey'))
})

test('what is no request is refused behind the answer to the request before it', async t => {
  const { answers, text } = await talk(local, [
    `${get('/bucket/key')}NONSENSE\r\n\r\n${smuggled()}`
  ])

  t.deepEqual(answers, ['200', '400 InvalidRequest'])
  t.true(text.includes('\r\n\r\n0123456789HTTP/1.1 400'))
})

test('a body that is longer than its length is cut there, and the rest is no request', async t => {
  const { answers } = await talk(local, [put('long', 'Content-Length: 3\r\n', 'abcdef')])

  t.deepEqual(answers, ['200', '400 InvalidRequest'])
  t.is((await request('GET', '/bucket/long')).body.toString(), 'abc')
})

test('a body that ends before it is whole is refused as that, and not stored', async t => {
  const large = 'x'.repeat(100_000)
  const cut = [
    put('short', 'Content-Length: 10\r\n', 'abc'),
    put('short', 'Content-Length: 200000\r\n', large),
    put('short', chunked, '10\r\nabc'),
    put('short', chunked, `${large.length.toString(16)}\r\n${large}\r\n`)
  ]
  for (const bytes of cut) {
    const { answers } = await talk(local, [get('/bucket/none'), bytes])
    t.deepEqual(answers, ['404 NoSuchKey', '400 IncompleteBody'])
  }
  t.is((await request('HEAD', '/bucket/short')).status, 404)
  const head = await talk(local, [put('short', 'Content-Length: 3').slice(0, -2)])
  t.deepEqual(head.answers, ['400 InvalidRequest'])
})

test('a client that is told to send sends, and one that is refused is not told', async t => {
  const asks = 'Expect: 100-continue\r\nContent-Length: 3\r\n'

  const right = await talk(local, [put('asked', asks), () => 'abc'])
  t.deepEqual(right.answers, ['100', '200'])
  t.is((await request('GET', '/bucket/asked')).body.toString(), 'abc')

  // Whether a body comes after the refusal is not known: the connection ends.
  const nowhere = put('x', asks).replace('/bucket/', '/no-such-bucket/')
  t.deepEqual((await talk(local, [nowhere + smuggled()])).answers, ['404 NoSuchBucket'])
  const met = put('key', `If-None-Match: *\r\n${asks}`)
  t.deepEqual((await talk(local, [met + smuggled()])).answers, ['412 PreconditionFailed'])
  t.deepEqual((await talk(local, [get('/bucket/key', host + asks) + smuggled()])).answers, ['200'])
  t.is((await request('HEAD', '/bucket/smuggled')).status, 404)
})

test('no request leaves the daemon with something it waits for', async t => {
  // Answers that never had their turn, because their connection went away.
  for (let round = 0; round < 10; round++) {
    await talk(local, [`${get('/bucket/key').repeat(200)}NONSENSE\r\n\r\n`])
  }

  const active = async (): Promise<number> => (await daemon.client().status()).counters.active
  const deadline = Date.now() + 20_000
  while ((await active()) > 0 && Date.now() < deadline) await request('GET', '/bucket/key')
  t.is(await active(), 0)
})
