// Every parser of the gateway, given anything: a value or an S3Error, in a time that grows with the input and no faster.

import assert from 'node:assert/strict'
import type { IncomingHttpHeaders } from 'node:http'
import test from 'ava'
import fc from 'fast-check'
import { ChunkedDecoder } from '../../src/gateway/body/aws-chunked.ts'
import { readPayload } from '../../src/gateway/body/verified-body.ts'
import { readExpected } from '../../src/gateway/headers/checksum-headers.ts'
import { parseTags, readPrecondition } from '../../src/gateway/headers/conditions.ts'
import { decodeWords, encodeWord } from '../../src/gateway/headers/encoded-words.ts'
import { readCustomMetadata, readHttpMetadata } from '../../src/gateway/headers/object-headers.ts'
import { parseRange } from '../../src/gateway/headers/range.ts'
import { S3Error } from '../../src/gateway/s3/s3-error.ts'
import { errorDocument, parseDocument } from '../../src/gateway/s3/xml.ts'
import { authenticate } from '../../src/gateway/auth/signature-v4.ts'
import { parseTarget } from '../../src/gateway/connection/target.ts'

const now = Date.UTC(2026, 0, 2)
const accessKeyId = 'a'.repeat(32)
const credentials = {
  secret: (id: string) => Promise.resolve(id === accessKeyId ? 'secret' : undefined)
}
const scope = `${accessKeyId}/20260102/auto/s3/aws4_request`
const signed = (authorization: string): IncomingHttpHeaders => ({
  host: 'x',
  'x-amz-date': '20260102T000000Z',
  'x-amz-content-sha256': 'UNSIGNED-PAYLOAD',
  authorization
})

const knowledge = {
  credentials,
  isLocation: () => Promise.resolve(false),
  compat: 'r2' as const,
  now
}

const asHeader = async (authorization: string): Promise<unknown> => {
  const target = parseTarget('/b/k', undefined, [])
  return authenticate(
    { method: 'GET', headers: signed(authorization), target, rawQuery: '' },
    knowledge
  )
}

const asQuery = async (query: string): Promise<unknown> => {
  const url = `/b/k?X-Amz-Credential=${encodeURIComponent(scope)}&${query}`
  const target = parseTarget(url, undefined, [])
  const request = { method: 'GET', headers: { host: 'x' }, target, rawQuery: url.slice(5) }
  return authenticate(request, knowledge)
}

const chunks = (text: string) => {
  const decoder = new ChunkedDecoder({ signing: undefined, hasTrailers: true })
  for (const data of decoder.write(Buffer.from(text, 'latin1'))) assert(data.length > 0)
  decoder.end()
}

type Parser = (text: string) => unknown
const parsers: [string, Parser][] = [
  ['Authorization', asHeader],
  ['Authorization behind its algorithm', text => asHeader(`AWS4-HMAC-SHA256 ${text}`)],
  [
    'SignedHeaders',
    text => asHeader(`AWS4-HMAC-SHA256 Credential=${scope},SignedHeaders=host;${text},Signature=0`)
  ],
  [
    'Credential',
    text => asHeader(`AWS4-HMAC-SHA256 Credential=${text},SignedHeaders=host,Signature=0`)
  ],
  ['presigned query', asQuery],
  [
    'presigned names',
    text =>
      asQuery(
        'X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date=20260102T000000Z&X-Amz-Expires=60&X-Amz-Signature=0&' +
          `X-Amz-SignedHeaders=host%3B${text}`
      )
  ],
  ['aws-chunked', chunks],
  [
    'aws-chunked trailers',
    text => {
      chunks(`0\r\n${text}\r\n\r\n`)
    }
  ],
  ['XML', text => parseDocument(Buffer.from(text), 'R')],
  ['XML content', text => parseDocument(Buffer.from(`<R>${text}</R>`), 'R')],
  ['XML attributes', text => parseDocument(Buffer.from(`<R ${text}></R>`), 'R')],
  ['XML declaration', text => parseDocument(Buffer.from(`<?xml ${text}?><R/>`), 'R')],
  [
    'CreateBucketConfiguration',
    text =>
      parseDocument(
        Buffer.from(
          `<CreateBucketConfiguration><LocationConstraint>${text}</LocationConstraint></CreateBucketConfiguration>`
        ),
        'CreateBucketConfiguration'
      )
  ],
  ['range', text => parseRange(`bytes=${text}`)],
  ['ETags', parseTags],
  ['date', text => readPrecondition({ 'if-modified-since': text, 'if-unmodified-since': text })],
  ['encoded words', decodeWords],
  ['an encoded word', text => decodeWords(`=?utf-8?q?${text}?=`)],
  ['metadata', text => readCustomMetadata({ 'x-amz-meta-a': text })],
  ['content headers', text => readHttpMetadata({ 'content-encoding': text, expires: text })],
  ['payload', text => readPayload({ 'x-amz-content-sha256': text }, 'r2')],
  [
    'checksums',
    text =>
      readExpected({ 'content-md5': text, 'x-amz-checksum-crc32': text }, { hasChecksums: true })
  ],
  ['target', text => parseTarget(`/b/${text}`, undefined, [])],
  ['query', text => parseTarget(`/b?${text}`, undefined, [])],
  ['host', text => parseTarget('/k', text, ['localhost'])],
  ['error document', text => errorDocument(new S3Error('InvalidArgument', text))]
]

async function attempt(parser: Parser, text: string): Promise<void> {
  try {
    await parser(text)
  } catch (error) {
    assert(error instanceof S3Error, String(error))
    assert(error.status < 500 || error.code === 'NotImplemented', error.code)
  }
}

/** What means something to one of the parsers, and noise. */
const tokens = fc.constantFrom(
  ...[
    '=',
    '&',
    ';',
    ',',
    ':',
    '/',
    '%',
    '%00',
    '%ff',
    '%0A',
    '+',
    ' ',
    '\t',
    '\r\n',
    '\n',
    '"',
    "'"
  ],
  ...[
    '<',
    '>',
    '</',
    '/>',
    '<!--',
    '-->',
    '<![CDATA[',
    ']]>',
    '<?',
    '?>',
    '&amp;',
    '&#0;',
    '&#x',
    '<!'
  ],
  ...[
    '=?',
    '?=',
    '?',
    'utf-8',
    'q',
    'b',
    '_',
    'W/',
    '*',
    '-',
    '0',
    '9',
    'f',
    '\0',
    '\u0080',
    '\u00ff'
  ],
  ...['Credential', 'SignedHeaders', 'Signature', 'X-Amz-Date', 'X-Amz-Expires', 'X-Amz-Signature'],
  ...['__proto__', 'constructor', 'chunk-signature', 'GMT', 'bytes', 'R', 'a', scope]
)
const noise = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.uint8Array({ maxLength: 200 }).map(bytes => Buffer.from(bytes).toString('latin1')),
  fc.array(tokens, { maxLength: 60 }).map(parts => parts.join(''))
)

for (const [name, parser] of parsers) {
  test(`${name}: anything at all is a value or an S3Error`, async t => {
    const property = fc.asyncProperty(noise, text => attempt(parser, text))

    await t.notThrowsAsync(fc.assert(property, { numRuns: 400 }))
  })

  // One at a time: it is the time of the process that is measured.
  test.serial(`${name}: 64 KiB of any pattern take no more than a moment`, async t => {
    const pattern = fc.tuple(
      fc.array(tokens, { minLength: 1, maxLength: 3 }),
      fc.array(tokens, { maxLength: 2 }),
      fc.array(tokens, { maxLength: 2 })
    )
    const property = fc.asyncProperty(pattern, async ([unit, start, end]) => {
      const repeated = unit.join('')
      const body = repeated.repeat(Math.ceil(65_536 / repeated.length))
      const before = process.cpuUsage()
      await attempt(parser, start.join('') + body + end.join(''))
      const { user } = process.cpuUsage(before)
      // Linear work takes a few milliseconds; quadratic work takes several seconds.
      assert(user < 700_000, `${user} microseconds`)
    })

    await t.notThrowsAsync(fc.assert(property, { numRuns: 60 }))
  })
}

test('what is written as metadata is read back as it was, words and all', t => {
  const plain = fc
    .oneof(noise, fc.string({ unit: 'grapheme' }))
    .filter(value => value.isWellFormed())
  // Text that is itself a word, or words with blanks between them.
  const word = plain.map(value => `=?utf-8?b?${Buffer.from(value).toString('base64')}?=`)
  const words = fc
    .array(fc.oneof(word, fc.constantFrom(' ', '  ', '?=', '=?')))
    .map(parts => parts.join(''))
  const text = fc.oneof(plain, words)
  const property = fc.property(text, value => {
    const written = encodeWord(value)
    assert.match(written, /^[\x20-\x7e]*$/)
    assert.equal(decodeWords(written), value)
  })

  t.notThrows(() => {
    fc.assert(property, { numRuns: 2000 })
  })
})
