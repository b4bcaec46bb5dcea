// The gateway's other parsers: ranges, conditions, targets, encoded words and XML.

import assert from 'node:assert/strict'
import test from 'ava'
import fc from 'fast-check'
import { parseTags, readPrecondition } from '../../src/gateway/headers/conditions.ts'
import { decodeWords, encodeWord } from '../../src/gateway/headers/encoded-words.ts'
import { parseRange } from '../../src/gateway/headers/range.ts'
import { S3Error } from '../../src/gateway/s3/s3-error.ts'
import { document, elementsOf, parseDocument } from '../../src/gateway/s3/xml.ts'
import { parseTarget } from '../../src/gateway/connection/target.ts'
import { evaluate } from '../../src/metadata/precondition.ts'

const text = fc.string({ unit: 'grapheme', maxLength: 30 }).filter(value => value.isWellFormed())

test('ranges are read as R2 reads them', t => {
  t.deepEqual(parseRange('bytes=0-9'), { kind: 'from', start: 0, end: 9 })
  t.deepEqual(parseRange('bytes=7-'), { kind: 'from', start: 7 })
  t.deepEqual(parseRange('bytes=-5'), { kind: 'suffix', length: 5 })
  for (const wrong of [
    'bytes=',
    'bytes=-',
    'bytes=a-b',
    'items=0-1',
    'bytes=0-1,2-3',
    'bytes=2-1',
    ''
  ]) {
    t.throws(() => parseRange(wrong), { instanceOf: S3Error }, JSON.stringify(wrong))
  }
})

test('no range header at all brings anything but a range or a refusal', t => {
  const property = fc.property(fc.string(), header => {
    try {
      assert(parseRange(`bytes=${header}`))
    } catch (error) {
      assert(error instanceof S3Error)
    }
  })

  t.notThrows(() => {
    fc.assert(property)
  })
})

test('lists of ETags are read with and without quotes, weak and strong', t => {
  t.deepEqual(parseTags('*'), ['*'])
  t.deepEqual(parseTags('"a", W/"b",c'), [
    { tag: 'a', weak: false },
    { tag: 'b', weak: true },
    { tag: 'c', weak: false }
  ])
  for (const wrong of ['', '"a" "b"', '"a', ',']) {
    t.throws(() => parseTags(wrong), { instanceOf: S3Error }, JSON.stringify(wrong))
  }
})

const uploaded = Date.parse('2026-01-02T03:04:05.678Z')
const at = (offset: number): string => new Date(uploaded + offset).toUTCString()
const verdicts: [string, Record<string, string>, string, string][] = [
  // Headers, and the verdict on the object and on none.
  ['If-Match of it', { 'if-match': '"e"' }, 'holds', 'failed'],
  ['If-Match of another', { 'if-match': '"x"' }, 'failed', 'failed'],
  ['If-Match, weak', { 'if-match': 'W/"e"' }, 'failed', 'failed'],
  ['If-Match: *', { 'if-match': '*' }, 'holds', 'failed'],
  ['If-None-Match of it', { 'if-none-match': '"e"' }, 'not-modified', 'holds'],
  ['If-None-Match, weak', { 'if-none-match': 'W/"e"' }, 'not-modified', 'holds'],
  ['If-None-Match: *', { 'if-none-match': '*' }, 'not-modified', 'holds'],
  ['If-Modified-Since then', { 'if-modified-since': at(0) }, 'not-modified', 'not-modified'],
  ['If-Modified-Since before', { 'if-modified-since': at(-1000) }, 'holds', 'not-modified'],
  ['If-Unmodified-Since then', { 'if-unmodified-since': at(0) }, 'holds', 'holds'],
  ['If-Unmodified-Since before', { 'if-unmodified-since': at(-1000) }, 'failed', 'holds'],
  [
    'If-Match over If-Unmodified-Since',
    { 'if-match': '"e"', 'if-unmodified-since': at(-1000) },
    'holds',
    'failed'
  ],
  [
    'If-None-Match over If-Modified-Since',
    { 'if-none-match': '"x"', 'if-modified-since': at(0) },
    'holds',
    'holds'
  ],
  ['a date that is none', { 'if-modified-since': 'yesterday' }, 'holds', 'holds']
]

for (const [what, headers, onObject, onNone] of verdicts) {
  test(`a condition of ${what} is ${onObject} for the object and ${onNone} for none`, t => {
    const precondition = readPrecondition(headers) ?? {}

    t.is(evaluate(precondition, { etag: 'e', size: 1, uploaded }), onObject as 'holds')
    t.is(evaluate(precondition, undefined), onNone as 'holds')
  })
}

test('a target is bucket and key by path or by host, decoded once', t => {
  const parse = (url: string, host?: string) => {
    const { bucket, key } = parseTarget(url, host, ['localhost', 's3.example.com'])
    return [bucket, key]
  }

  t.deepEqual(parse('/'), [undefined, undefined])
  t.deepEqual(parse('/b'), ['b', undefined])
  t.deepEqual(parse('/b/'), ['b', undefined])
  t.deepEqual(parse('/b/a%252Fb/%2F..//'), ['b', 'a%2Fb//..//'])
  t.deepEqual(parse('/b/a+b'), ['b', 'a+b'])
  t.deepEqual(parse('/k/x?y', 'b.localhost:7230'), ['b', 'k/x'])
  t.deepEqual(parse('/', 'b.s3.example.com'), ['b', undefined])
  t.deepEqual(parse('/b/k', 'localhost:7230'), ['b', 'k'])
  for (const wrong of ['/b/%', '/b/%ff', '/b/%zz', 'http://x/', `/${'x'.repeat(20_000)}`]) {
    t.throws(() => parse(wrong), { instanceOf: S3Error }, JSON.stringify(wrong.slice(0, 20)))
  }
})

test('every key survives percent-encoding in a target', t => {
  const property = fc.property(
    text.filter(key => key !== ''),
    key => {
      const path = key.split('/').map(encodeURIComponent).join('/')
      assert.equal(parseTarget(`/b/${path}`, undefined, []).key, key)
    }
  )

  t.notThrows(() => {
    fc.assert(property)
  })
})

test('text that is not ASCII travels as encoded words', t => {
  const property = fc.property(text, value => {
    const word = encodeWord(value)
    assert.match(word, /^[\x20-\x7e]*$/)
    if (word !== value) assert.equal(decodeWords(word), value)
  })

  t.notThrows(() => {
    fc.assert(property)
  })
  t.is(decodeWords('=?UTF-8?Q?caf=C3=A9_au?= =?utf-8?B?IGxhaXQ=?='), 'café au lait')
  t.is(decodeWords('=?x-unknown?B?AAAA?='), '=?x-unknown?B?AAAA?=')
})

test('what is written as XML is read back, markup, spaces and all', t => {
  const property = fc.property(
    fc.array(
      text.filter(value => /^[^\p{Cc}]+$/u.test(value)),
      { minLength: 1, maxLength: 4 }
    ),
    values => {
      const written = document(
        'Root',
        values.map(value => ['Key', value])
      )
      assert.deepEqual(elementsOf(parseDocument(written, 'Root'), 'Key'), values)
    }
  )

  t.notThrows(() => {
    fc.assert(property)
  })
})

test('XML that is malformed, of another root, or has a DOCTYPE is refused', t => {
  for (const wrong of [
    '',
    'x',
    '<Root>',
    '<Root></Other>',
    '<Other/>',
    '<!DOCTYPE r [<!ENTITY a "b">]><Root>&a;</Root>',
    '<Root><a></Root>'
  ]) {
    t.throws(
      () => parseDocument(Buffer.from(wrong), 'Root'),
      { instanceOf: S3Error },
      JSON.stringify(wrong)
    )
  }
})

test('no bytes at all make the XML reader fail but with MalformedXML', t => {
  const property = fc.property(
    fc.string({
      unit: fc.constantFrom('<', '>', '/', 'R', '&', ';', '"', ' ', '!', '[', ']', '-', '?')
    }),
    noise => {
      try {
        parseDocument(Buffer.from(`<R>${noise}</R>`), 'R')
      } catch (error) {
        assert(error instanceof S3Error, String(error))
        assert.equal(error.code, 'MalformedXML')
      }
    }
  )

  t.notThrows(() => {
    fc.assert(property)
  })
})

test('a tag with 64 KiB of blanks is refused before it is parsed', t => {
  const before = process.cpuUsage()

  t.throws(() => parseDocument(Buffer.from(`<R ${'\n'.repeat(65_536)}=></R>`), 'R'), {
    instanceOf: S3Error
  })

  // The parser would take ten seconds.
  t.true(process.cpuUsage(before).user < 1_000_000)
  const text = `<R><Key>${' '.repeat(1000)}</Key><!-- ${' '.repeat(1000)} --></R>`
  t.deepEqual(parseDocument(Buffer.from(text), 'R'), { Key: ' '.repeat(1000) })
})
