// GET and HEAD to the letter: ranges, conditions, parts, and what their answers carry.

import { randomBytes } from 'node:crypto'
import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  UploadPartCommand,
  type S3Client
} from '@aws-sdk/client-s3'
import type { TestFn } from 'ava'
import { bodyOf, clientOf, makeBucket, refusal, type S3Endpoint } from './s3.ts'
import { signedSend } from './signed-send.ts'

const malformed = [
  400,
  'InvalidArgument',
  "range must be in format 'bytes=start-end', 'bytes=start-' or 'bytes=-suffix'.'"
] as const
const inverted = [400, 'InvalidArgument', 'range must be positive.'] as const
const unsatisfiable = [416, 'InvalidRange', 'The requested range is not satisfiable'] as const

/** Of the ten bytes `0123456789`. */
const ranges: [string, string | readonly [number, string, string]][] = [
  ['bytes=0-0', '0'],
  ['bytes=2-4', '234'],
  ['bytes=7-', '789'],
  ['bytes=-3', '789'],
  ['bytes=9-9', '9'],
  ['bytes=0-99', '0123456789'],
  ['bytes=5-99999999999999999999', '56789'],
  ['bytes=-10', '0123456789'],
  ['bytes=-99', '0123456789'],
  ['bytes=10-', unsatisfiable],
  ['bytes=10-12', unsatisfiable],
  ['bytes=99999999999999999999-', unsatisfiable],
  ['bytes=-0', unsatisfiable],
  ['bytes=4-2', inverted],
  ['bytes=0-1,3-4', malformed],
  ['bytes=', malformed],
  ['bytes=-', malformed],
  ['bytes=a-b', malformed],
  ['bytes=1-2x', malformed],
  ['bytes =1-2', malformed],
  ['Bytes=1-2', malformed],
  ['items=1-2', malformed],
  ['1-2', malformed]
]

const past = 'Sat, 01 Jan 2000 00:00:00 GMT'
const future = 'Fri, 01 Jan 2100 00:00:00 GMT'
const failed = 412
const unmodified = 304

/** `E` stands for the object's ETag, `T` for its Last-Modified. */
const conditions: [Record<string, string>, number][] = [
  [{ 'if-match': 'E' }, 200],
  [{ 'if-match': '*' }, 200],
  [{ 'if-match': '"x", E' }, 200],
  [{ 'if-match': '"x"' }, failed],
  [{ 'if-match': 'W/E' }, failed],
  [{ 'if-none-match': 'E' }, unmodified],
  [{ 'if-none-match': 'W/E' }, unmodified],
  [{ 'if-none-match': '*' }, unmodified],
  [{ 'if-none-match': '"x",W/"y", E' }, unmodified],
  [{ 'if-none-match': '"x"' }, 200],
  [{ 'if-modified-since': past }, 200],
  [{ 'if-modified-since': 'T' }, unmodified],
  [{ 'if-modified-since': future }, unmodified],
  [{ 'if-modified-since': 'not a date' }, 200],
  [{ 'if-unmodified-since': past }, failed],
  [{ 'if-unmodified-since': 'T' }, 200],
  [{ 'if-unmodified-since': future }, 200],
  [{ 'if-match': 'E', 'if-unmodified-since': past }, 200],
  [{ 'if-match': '"x"', 'if-unmodified-since': future }, failed],
  [{ 'if-none-match': '"x"', 'if-modified-since': future }, 200],
  [{ 'if-none-match': 'E', 'if-modified-since': past }, unmodified],
  [{ 'if-match': '"x"', 'if-none-match': 'E' }, failed],
  [{ 'if-match': 'E', 'if-none-match': 'E' }, unmodified],
  [{ 'if-unmodified-since': past, 'if-none-match': 'E' }, failed]
]

/** For a key that is not there, of a write: whether it is let in. */
const onNothing: [Record<string, string>, number][] = [
  [{ 'if-match': '*' }, failed],
  [{ 'if-match': '"x"' }, failed],
  [{ 'if-modified-since': past }, failed],
  [{ 'if-none-match': '*' }, 200],
  [{ 'if-none-match': '"x"' }, 200],
  [{ 'if-unmodified-since': past }, 200]
]

async function uploadParts(s3: S3Client, Bucket: string, Key: string, pieces: Buffer[]) {
  const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ Bucket, Key }))
  const Parts = []
  for (const [index, Body] of pieces.entries()) {
    const PartNumber = index + 1
    const at = { Bucket, Key, UploadId, PartNumber }
    const { ETag } = await s3.send(new UploadPartCommand({ ...at, Body }))
    Parts.push({ PartNumber, ETag })
  }
  await s3.send(
    new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts } })
  )
}

export function readSuite(test: TestFn, suite: string, open: () => S3Endpoint): void {
  test(`${suite}: each form of a range gets what R2 gives, by GET and by HEAD`, async t => {
    const s3 = clientOf(open())
    const Bucket = await makeBucket(s3)
    const content = '0123456789'
    await s3.send(new PutObjectCommand({ Bucket, Key: 'k', Body: content }))
    await s3.send(new PutObjectCommand({ Bucket, Key: 'empty', Body: '' }))
    const ask = (method: string, range: string, key = 'k') => {
      return signedSend(open(), { method, path: `/${Bucket}/${key}`, headers: { range } })
    }

    for (const [range, expected] of ranges) {
      const got = await ask('GET', range)
      const head = await ask('HEAD', range)
      t.is(head.text, '', range)
      t.is(head.status, got.status, range)
      if (typeof expected !== 'string') {
        t.deepEqual([got.status, got.code, got.message], [...expected], range)
        continue
      }
      const start = content.indexOf(expected)
      t.is(got.status, 206, range)
      t.is(got.text, expected, range)
      for (const { headers } of [got, head]) {
        t.is(headers['content-range'], `bytes ${start}-${start + expected.length - 1}/10`, range)
        t.is(headers['content-length'], String(expected.length), range)
      }
    }
    for (const range of ['bytes=0-', 'bytes=0-0', 'bytes=-1', 'bytes=-0']) {
      const got = await ask('GET', range, 'empty')
      t.deepEqual([got.status, got.code, got.message], [...unsatisfiable], range)
    }
  })

  test(`${suite}: each condition gets the status that RFC 9110 gives it`, async t => {
    const s3 = clientOf(open())
    const Bucket = await makeBucket(s3)
    const { ETag = '' } = await s3.send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'x' }))
    const path = `/${Bucket}/k`
    const modified = (await signedSend(open(), { method: 'HEAD', path })).headers['last-modified']

    for (const [written, status] of conditions) {
      const headers = Object.fromEntries(
        Object.entries(written).map(([name, value]) => [
          name,
          value === 'T' ? String(modified) : value.replace(/\bE\b/, ETag)
        ])
      )
      const what = JSON.stringify(written)
      const got = await signedSend(open(), { method: 'GET', path, headers })
      t.is(got.status, status, what)
      t.is((await signedSend(open(), { method: 'HEAD', path, headers })).status, status, what)
      if (status === failed) t.is(got.code, 'PreconditionFailed', what)
      if (status === unmodified) {
        t.is(got.headers.etag, ETag)
        t.is(got.headers['last-modified'], modified)
        t.is(got.text, '')
      }

      // A write goes ahead where a read would give the object; and makes it another, so of a copy.
      const copy = `/${Bucket}/copy`
      const source = { 'x-amz-copy-source': path }
      const asSource = Object.fromEntries(
        Object.entries(headers).map(([name, value]) => [`x-amz-copy-source-${name}`, value])
      )
      const copied = await signedSend(open(), {
        method: 'PUT',
        path: copy,
        headers: { ...source, ...asSource }
      })
      t.is(copied.status, status === 200 ? 200 : failed, what)
    }
    const missing = { method: 'GET', path: `/${Bucket}/missing` }
    for (const headers of [{ 'if-match': '*' }, { 'if-none-match': '*' }, { range: 'bytes=0-' }]) {
      const got = await signedSend(open(), { ...missing, headers })
      t.deepEqual([got.status, got.code], [404, 'NoSuchKey'])
    }
  })

  test(`${suite}: a condition on a key that is not there lets a write in or keeps it out`, async t => {
    const s3 = clientOf(open())
    const Bucket = await makeBucket(s3)
    await s3.send(new PutObjectCommand({ Bucket, Key: 'source', Body: 'x' }))

    for (const [index, [headers, status]] of onNothing.entries()) {
      const what = JSON.stringify(headers)
      const path = `/${Bucket}/put-${index}`
      t.is((await signedSend(open(), { method: 'PUT', path, headers, body: 'x' })).status, status)
      const forCopy = Object.fromEntries(
        Object.entries(headers).map(([name, value]) => [`cf-copy-destination-${name}`, value])
      )
      const copied = await signedSend(open(), {
        method: 'PUT',
        path: `/${Bucket}/copy-${index}`,
        headers: { 'x-amz-copy-source': `${Bucket}/source`, ...forCopy }
      })
      t.is(copied.status, status, what)
      if (status === failed) {
        const message = 'At least one of the pre-conditions you specified did not hold.'
        t.deepEqual([copied.code, copied.message], ['PreconditionFailed', message])
      }
    }
  })

  test(`${suite}: a part of an object is read by its number`, async t => {
    const s3 = clientOf(open())
    const Bucket = await makeBucket(s3)
    const part = 5 * 1024 * 1024
    const pieces = [randomBytes(part), randomBytes(part), randomBytes(part + 1), randomBytes(77)]
    await uploadParts(s3, Bucket, 'parts', pieces)
    const size = pieces.reduce((sum, { length }) => sum + length, 0)

    let offset = 0
    for (const [index, piece] of pieces.entries()) {
      const at = { Bucket, Key: 'parts', PartNumber: index + 1 }
      const got = await s3.send(new GetObjectCommand(at))
      t.true(piece.equals(await bodyOf(got)))
      t.is(got.$metadata.httpStatusCode, 206)
      const head = await s3.send(new HeadObjectCommand(at))
      t.is(head.$metadata.httpStatusCode, 206)
      for (const answer of [got, head]) {
        t.is(answer.PartsCount, pieces.length)
        t.is(answer.ContentLength, piece.length)
        t.is(answer.ContentRange, `bytes ${offset}-${offset + piece.length - 1}/${size}`)
      }
      offset += piece.length
    }
    const ask = (PartNumber: number, extra: object = {}) => {
      return s3.send(new GetObjectCommand({ Bucket, Key: 'parts', PartNumber, ...extra }))
    }
    t.deepEqual(await refusal(t, ask(5)), { name: 'InvalidPartNumber', status: 416 })
    t.deepEqual(await refusal(t, ask(0)), { name: 'InvalidArgument', status: 400 })
    t.deepEqual(await refusal(t, ask(10_001)), { name: 'InvalidArgument', status: 400 })
    t.is((await refusal(t, ask(1, { Range: 'bytes=0-1' }))).name, 'InvalidRequest')
  })

  test(`${suite}: an object that was put whole is its own first part`, async t => {
    const s3 = clientOf(open())
    const Bucket = await makeBucket(s3)
    await s3.send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'whole' }))
    await s3.send(new PutObjectCommand({ Bucket, Key: 'empty', Body: '' }))

    const got = await s3.send(new GetObjectCommand({ Bucket, Key: 'k', PartNumber: 1 }))
    t.is((await bodyOf(got)).toString(), 'whole')
    t.is(got.ContentRange, 'bytes 0-4/5')
    t.is(got.PartsCount, 1)
    const empty = await s3.send(new GetObjectCommand({ Bucket, Key: 'empty', PartNumber: 1 }))
    t.is(empty.$metadata.httpStatusCode, 200)
    t.is(empty.ContentLength, 0)
    const second = s3.send(new GetObjectCommand({ Bucket, Key: 'k', PartNumber: 2 }))
    t.is((await refusal(t, second)).status, 416)
  })

  test(`${suite}: metadata in any script comes back as it was sent`, async t => {
    const s3 = clientOf(open())
    const Bucket = await makeBucket(s3)
    const path = `/${Bucket}/k`
    const word = (text: string): string => `=?UTF-8?B?${Buffer.from(text).toString('base64')}?=`

    await signedSend(open(), {
      method: 'PUT',
      path,
      body: 'x',
      headers: {
        'x-amz-meta-words': `${word('日本')} ${word('語')}`,
        'x-amz-meta-quoted': '=?iso-8859-1?Q?caf=E9_noir?=',
        'x-amz-meta-plain': 'as it is'
      }
    })

    const { headers } = await signedSend(open(), { method: 'HEAD', path })
    t.is(headers['x-amz-meta-words'], word('日本語'))
    t.is(headers['x-amz-meta-quoted'], word('café noir'))
    t.is(headers['x-amz-meta-plain'], 'as it is')
    t.is(headers['content-type'], 'application/octet-stream')
    t.is(headers['accept-ranges'], 'bytes')

    // The limit is on what the words stand for: 2,700 characters of three bytes, 8,100 of 8,192.
    const long = word('語'.repeat(2700))
    const put = (value: string) => {
      return signedSend(open(), {
        method: 'PUT',
        path,
        body: 'x',
        headers: { 'x-amz-meta-w': value }
      })
    }
    t.is((await put(long)).status, 200)
    t.is((await put(word('語'.repeat(2731)))).code, 'MetadataTooLarge')
  })

  test(`${suite}: a header that the query sets is checked before the object is read`, async t => {
    const s3 = clientOf(open())
    const Bucket = await makeBucket(s3)
    const body = randomBytes(600_000)
    await s3.send(new PutObjectCommand({ Bucket, Key: 'k', Body: body }))
    const get = (key: string, type: string) => {
      return signedSend(open(), {
        method: 'GET',
        path: `/${Bucket}/${key}?response-content-type=${type}`
      })
    }

    for (const key of ['k', 'missing']) {
      const { status, code, message } = await get(key, 'a%0Db')
      t.deepEqual([status, code], [400, 'InvalidArgument'])
      t.is(message, 'response-content-type is not a header value')
    }
    t.is((await get('missing', 'text%2Fplain')).code, 'NoSuchKey')
    t.is((await get('k', 'text%2Fplain')).headers['content-type'], 'text/plain')
  })

  test(`${suite}: what has gone wrong with a HEAD is said by its status alone`, async t => {
    const s3 = clientOf(open())
    const Bucket = await makeBucket(s3)
    await s3.send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'x' }))
    const head = (path: string, headers: Record<string, string> = {}) => {
      return signedSend(open(), { method: 'HEAD', path, headers })
    }

    for (const [answer, status] of [
      [await head(`/${Bucket}/missing`), 404],
      [await head('/no-such-bucket-at-all'), 404],
      [await head(`/${Bucket}/k`, { range: 'bytes=9-' }), 416],
      [await head(`/${Bucket}/k`, { range: 'nonsense' }), 400],
      [await head(`/${Bucket}/k`, { 'if-match': '"x"' }), 412],
      // R2 heads the object, whatever the parameters ask for.
      [await head(`/${Bucket}/k?uploadId=x`), 200],
      [await head(`/${Bucket}/k?tagging`), 200]
    ] as const) {
      t.is(answer.status, status)
      t.is(answer.text, '')
    }
  })
}
