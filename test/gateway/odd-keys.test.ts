// Keys of every odd kind, through every operation that takes or gives a key.

import http from 'node:http'
import { once } from 'node:events'
import test from 'ava'
import { presign } from '../../src/gateway/auth/presign.ts'
import type { S3Endpoint } from '../conformance/s3.ts'
import {
  DaemonProcess,
  localRequest,
  makeDaemonHome,
  removeHome,
  type LocalResponse
} from '../daemon/daemon-process.ts'

let daemon: DaemonProcess
let credential: S3Endpoint

test.before(async () => {
  daemon = await DaemonProcess.start(await makeDaemonHome(), { R2D_GATEWAY_THREADS: '1' })
  credential = await daemon.s3()
})

test.after.always(async () => {
  await daemon.stop()
  await removeHome(daemon.home)
})

const local = (
  method: string,
  path: string,
  body?: Buffer,
  headers?: Record<string, string>
): Promise<LocalResponse> => {
  return localRequest(daemon.status.sockets[0] ?? '', method, path, body, headers)
}

const encode = (key: string): string => {
  return encodeURIComponent(key).replaceAll(
    /[!'()*]/g,
    character => `%${character.charCodeAt(0).toString(16).toUpperCase()}`
  )
}
const pathOf = (bucket: string, key: string): string => {
  return `/${bucket}/${key.split('/').map(encode).join('/')}`
}

const controls = Array.from({ length: 32 }, (_, code) => `c${String.fromCharCode(code)}d`)
const keys = [
  ...['.', '..', '...', 'a/../b', '../up', './x', 'a/./b', '//', '/', '/lead', 'trail/', 'a//b'],
  ...[
    'a%2Fb',
    'a%252Fb',
    '%',
    '%zz',
    '%00',
    'a+b',
    'a b',
    ' a ',
    '  ',
    '~!*()\'"',
    '<>&',
    '&amp;',
    '&#1;'
  ],
  ...[
    ']]>',
    '<!-- c -->',
    '<![CDATA[x]]>',
    'q?x=1&y#f',
    'a;b=c:d@e,f$g',
    'a\\b',
    '__proto__',
    '012'
  ],
  ...[
    '\u007f',
    '\u0080',
    '\u0085',
    '\u00a0',
    '\u2028',
    '\ufeff',
    '\ufffd',
    '\ufffe',
    '\uffff',
    '\u{10ffff}'
  ],
  ...[
    'ü/ß',
    '🙂',
    'e\u0301x',
    '가',
    'ﬁ',
    'İ',
    '\r\n',
    '\n',
    '\t',
    'x'.repeat(1024),
    '🙂'.repeat(256)
  ],
  ...controls
]

/** Of a listing as text: character references undone. */
function keysOf(xml: string): string[] {
  const names: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

  return [...xml.matchAll(/<Key>([^<]*)<\/Key>/g)].map(([, text = '']) =>
    text.replaceAll(/&(?:#(\d+)|(\w+));/g, (_, code: string | undefined, name: string) =>
      code === undefined ? (names[name] ?? '') : String.fromCodePoint(Number(code))
    )
  )
}

const inOrder = (list: string[]): string[] => {
  return list.toSorted((a, b) =>
    Buffer.compare(Buffer.from(a.normalize('NFC')), Buffer.from(b.normalize('NFC')))
  )
}

test('every odd key is put, read, listed, copied and deleted as itself', async t => {
  await local('PUT', '/odd')
  await local('PUT', '/copies')
  for (const key of keys) {
    const put = await local('PUT', pathOf('odd', key), Buffer.from(key))
    t.is(put.status, 200, JSON.stringify(key))
  }

  for (const key of keys) {
    t.is((await local('GET', pathOf('odd', key))).body.toString(), key)
    const size = String(Buffer.byteLength(key))
    t.is((await local('HEAD', pathOf('odd', key))).headers['content-length'], size)
  }

  const expected = inOrder(keys)
  for (const query of ['', 'list-type=2']) {
    const plain = keysOf((await local('GET', `/odd?${query}`)).body.toString())
    t.deepEqual(plain, expected)
    const url = keysOf((await local('GET', `/odd?${query}&encoding-type=url`)).body.toString())
    t.deepEqual(url.map(decodeURIComponent), expected)
  }

  for (const key of keys) {
    const source = { 'x-amz-copy-source': pathOf('odd', key) }
    t.is((await local('PUT', pathOf('copies', key), undefined, source)).status, 200)
    t.is((await local('DELETE', pathOf('odd', key))).status, 204)
    t.is((await local('HEAD', pathOf('odd', key))).status, 404, JSON.stringify(key))
  }
  t.deepEqual(keysOf((await local('GET', '/odd')).body.toString()), [])
  t.deepEqual(keysOf((await local('GET', '/copies')).body.toString()), expected)
})

const escaped = (key: string): string => {
  return key.replaceAll(/[&<>\p{Cc}\ufffe\uffff]/gu, each => `&#${each.codePointAt(0) ?? 0};`)
}
const deletion = (list: string[]): Buffer => {
  const objects = list.map(key => `<Object><Key>${key}</Key></Object>`).join('')
  return Buffer.from(`<Delete>${objects}</Delete>`)
}

test('every odd key is deleted by DeleteObjects, and no key that looks like it', async t => {
  await local('PUT', '/many')
  for (const key of [...keys, 'cd', 'ab']) await local('PUT', pathOf('many', key), Buffer.from(key))

  const { status, body } = await local('POST', '/many?delete', deletion(keys.map(escaped)))

  t.is(status, 200)
  t.deepEqual(keysOf(body.toString()), keys)
  t.deepEqual(keysOf((await local('GET', '/many')).body.toString()), ['ab', 'cd'])
})

test('a deletion whose XML is not exactly understood deletes nothing', async t => {
  await local('PUT', '/strict')
  for (const key of ['ab', 'a\ufffdb']) await local('PUT', pathOf('strict', key), Buffer.from(key))
  const latin1 = Buffer.from('<Delete><Object><Key>a\xffb</Key></Object></Delete>', 'latin1')
  const wrong = [
    latin1,
    Buffer.from(`\ufeff${deletion(['ab']).toString()}`, 'utf16le'),
    Buffer.from(`<?xml version="1.0" encoding="UTF-16"?>${deletion(['ab']).toString()}`),
    ...[
      'a&#xD800;b',
      'a&#x110000;b',
      'a&nbsp;b',
      'a&x;b',
      'a&b',
      'a&#;b',
      'a<?p x?>b',
      '<b>ab</b>',
      ''
    ].map(key => deletion([key])),
    Buffer.from(`<!DOCTYPE d [<!ENTITY k "ab">]>${deletion(['&k;']).toString()}`),
    Buffer.from('<Delete><Object><Key>ab</Key><Key>cd</Key></Object></Delete>'),
    Buffer.from(
      '<Delete><Quiet>true</Quiet><Quiet>true</Quiet><Object><Key>ab</Key></Object></Delete>'
    ),
    Buffer.from(`${deletion(['ab']).toString()}${deletion(['ab']).toString()}`),
    deletion(Array.from({ length: 1001 }, () => 'ab')),
    deletion([])
  ]

  for (const body of wrong) {
    const response = await local('POST', '/strict?delete', body)
    t.is(response.status, 400, body.toString().slice(0, 80))
    t.regex(response.body.toString(), /<Code>MalformedXML<\/Code>/)
  }
  t.is(keysOf((await local('GET', '/strict')).body.toString()).length, 2)
})

test('two spellings of one text are one key, and the listing gives the last', async t => {
  const [composed, decomposed] = ['\u00e9', 'e\u0301']
  await local('PUT', '/forms')

  await local('PUT', pathOf('forms', composed), Buffer.from('first'))
  await local('PUT', pathOf('forms', decomposed), Buffer.from('second'))

  t.is((await local('GET', pathOf('forms', composed))).body.toString(), 'second')
  t.deepEqual(keysOf((await local('GET', '/forms')).body.toString()), [decomposed])
  await local('DELETE', pathOf('forms', composed))
  t.is((await local('HEAD', pathOf('forms', decomposed))).status, 404)
})

test('keys that are too long or no text are refused', async t => {
  await local('PUT', '/limits')

  for (const path of [`/limits/${'k'.repeat(1025)}`, `/limits/${encode('🙂'.repeat(257))}`]) {
    t.regex((await local('PUT', path, Buffer.alloc(0))).body.toString(), /InvalidObjectName/)
  }
  for (const path of [
    '/limits/%ED%A0%80',
    '/limits/%FF',
    '/limits/%C0%80',
    '/limits/%F4%90%80%80'
  ]) {
    t.regex((await local('PUT', path, Buffer.alloc(0))).body.toString(), /InvalidURI/)
  }
  const source = { 'x-amz-copy-source': '/limits/\xff' }
  const copied = await local('PUT', '/limits/copy', undefined, source)
  t.regex(copied.body.toString(), /<Code>InvalidArgument<\/Code>/)
})

/** Sends a presigned request to where it points, with the path as it is. */
async function send(url: string, body?: Buffer): Promise<LocalResponse> {
  const { hostname, port, origin, host } = new URL(url)
  const request = http.request({
    hostname: hostname.endsWith('localhost') ? '127.0.0.1' : hostname,
    port,
    method: body === undefined ? 'GET' : 'PUT',
    path: url.slice(origin.length),
    headers: { host, ...(body === undefined ? {} : { 'content-length': body.length }) }
  })
  request.end(body)
  const [response] = (await once(request, 'response')) as [http.IncomingMessage]
  const pieces: Buffer[] = []
  for await (const piece of response) pieces.push(piece as Buffer)
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    body: Buffer.concat(pieces)
  }
}

test('every odd key is in a presigned URL as itself', async t => {
  await local('PUT', '/urls')
  const { accessKeyId, secretAccessKey: secret, endpoint } = credential
  const sign = (method: 'GET' | 'PUT', key: string): string => {
    const now = Date.now()
    return presign({
      endpoint,
      method,
      bucket: 'urls',
      key,
      expiresSeconds: 60,
      accessKeyId,
      secret,
      now
    })
  }

  for (const key of keys) {
    t.is((await send(sign('PUT', key), Buffer.from(key))).status, 200, JSON.stringify(key))
    t.is((await send(sign('GET', key))).body.toString(), key)
  }
})

test('a bucket in the host name takes every odd key', async t => {
  await local('PUT', '/by-host')
  const { port } = new URL(daemon.endpoint)
  const headers = { host: `by-host.localhost:${port}` }

  for (const key of keys) {
    const path = `/${key.split('/').map(encode).join('/')}`
    t.is((await local('PUT', path, Buffer.from(key), headers)).status, 200, JSON.stringify(key))
    t.is((await local('GET', path, undefined, headers)).body.toString(), key)
  }
  t.deepEqual(keysOf((await local('GET', '/by-host')).body.toString()), inOrder(keys))
})
