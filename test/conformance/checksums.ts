// Checksums: verified whichever way they come, kept, and given back.

import { createHash, randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import { crc32 } from 'node:zlib'
import {
  ChecksumAlgorithm,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  GetObjectAttributesCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  S3Client,
  UploadPartCommand
} from '@aws-sdk/client-s3'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'
import type { TestFn } from 'ava'
import { bodyOf, clientOf, makeBucket, type S3Endpoint } from './s3.ts'
import { send, signedSend } from './signed-send.ts'

/** Of `123456789`, the check values of the algorithms' definitions. */
const known = {
  CRC32: Buffer.from('cbf43926', 'hex').toString('base64'),
  CRC32C: Buffer.from('e3069283', 'hex').toString('base64'),
  CRC64NVME: Buffer.from('ae8b14860a799888', 'hex').toString('base64'),
  SHA1: createHash('sha1').update('123456789').digest('base64'),
  SHA256: createHash('sha256').update('123456789').digest('base64')
}
const names = Object.keys(known) as (keyof typeof known)[]

const header = (name: string): string => `x-amz-checksum-${name.toLowerCase()}`

function wrong(value: string): string {
  const bytes = Buffer.from(value, 'base64')
  bytes[0] = (bytes[0] ?? 0) ^ 1
  return bytes.toString('base64')
}

/** aws-chunked, unsigned, with one trailer. */
function trailed(name: string, value: string): { body: string; headers: Record<string, string> } {
  return {
    body: `9\r\n123456789\r\n0\r\n${header(name)}:${value}\r\n\r\n`,
    headers: {
      'x-amz-content-sha256': 'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
      'x-amz-decoded-content-length': '9',
      'content-encoding': 'aws-chunked',
      'x-amz-trailer': header(name)
    }
  }
}

export function checksumSuite(test: TestFn, suite: string, open: () => S3Endpoint): void {
  for (const name of names) {
    test(`${suite}: ${name} is verified in a header and in a trailer, and kept`, async t => {
      const s3 = clientOf(open())
      const Bucket = await makeBucket(s3)
      const value = known[name]
      const put = (Key: string, headers: Record<string, string>, body = '123456789') => {
        return signedSend(open(), { method: 'PUT', path: `/${Bucket}/${Key}`, headers, body })
      }

      const byHeader = await put('header', { [header(name)]: value })
      const { body, headers } = trailed(name, value)
      const byTrailer = await put('trailer', headers, body)
      const byName = await put('named', { 'x-amz-sdk-checksum-algorithm': name })
      for (const answer of [byHeader, byTrailer, byName]) {
        t.is(answer.status, 200, answer.text)
        t.is(answer.headers[header(name)], value)
        t.is(answer.headers['x-amz-checksum-type'], 'FULL_OBJECT')
      }
      for (const Key of ['header', 'trailer', 'named']) {
        const head = { method: 'HEAD', path: `/${Bucket}/${Key}` }
        const asked = { 'x-amz-checksum-mode': 'ENABLED' }
        t.is((await signedSend(open(), { ...head, headers: asked })).headers[header(name)], value)
        t.is((await signedSend(open(), head)).headers[header(name)], undefined)
        const range = { ...asked, range: 'bytes=0-1' }
        t.is(
          (await signedSend(open(), { ...head, headers: range })).headers[header(name)],
          undefined
        )
      }

      const refused = await put('no', { [header(name)]: wrong(value) })
      t.deepEqual([refused.status, refused.code], [400, 'BadDigest'])
      t.true(refused.message.includes(`Actual ${name} was: ${value}`))
      const refusedTrailer = trailed(name, wrong(value))
      t.is((await put('no', refusedTrailer.headers, refusedTrailer.body)).code, 'BadDigest')
      for (const malformed of ['', 'AA==', 'not base64', `${value}x`]) {
        const answer = await put('no', { [header(name)]: malformed })
        t.deepEqual(
          [answer.status, answer.code, answer.message],
          [400, 'InvalidRequest', `Value for ${header(name)} header is invalid.`]
        )
      }
      t.is((await signedSend(open(), { method: 'HEAD', path: `/${Bucket}/no` })).status, 404)
    })

    test(`${suite}: the SDK's ${name} of a stream survives a copy`, async t => {
      const s3 = clientOf(open())
      const Bucket = await makeBucket(s3)
      const content = randomBytes(200_000)
      const put = await s3.send(
        new PutObjectCommand({
          Bucket,
          Key: 'k',
          Body: Readable.from([content.subarray(0, 70_000), content.subarray(70_000)]),
          ContentLength: content.length,
          ChecksumAlgorithm: ChecksumAlgorithm[name]
        })
      )

      const field = `Checksum${name}` as const
      const value = put[field]
      t.truthy(value)
      const copy = await s3.send(
        new CopyObjectCommand({ Bucket, Key: 'copy', CopySource: `${Bucket}/k` })
      )
      t.is(copy.CopyObjectResult?.[field], value)
      t.is(copy.CopyObjectResult?.ChecksumType, 'FULL_OBJECT')
      const ChecksumMode = 'ENABLED'
      // The SDK verifies what it gets against the checksum.
      const got = await s3.send(new GetObjectCommand({ Bucket, Key: 'copy', ChecksumMode }))
      t.true(content.equals(await bodyOf(got)))
      t.is(got[field], value)
    })
  }

  test(`${suite}: checksums that contradict each other are refused`, async t => {
    const s3 = clientOf(open())
    const Bucket = await makeBucket(s3)
    const put = (headers: Record<string, string>, body = '123456789') => {
      return signedSend(open(), { method: 'PUT', path: `/${Bucket}/k`, headers, body })
    }
    const several =
      'Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.'

    const two = await put({ [header('CRC32')]: known.CRC32, [header('SHA1')]: known.SHA1 })
    t.deepEqual([two.status, two.code, two.message], [400, 'InvalidRequest', several])
    const trailer = trailed('CRC32C', known.CRC32C)
    const both = await put({ ...trailer.headers, [header('SHA256')]: known.SHA256 }, trailer.body)
    t.deepEqual([both.code, both.message], ['InvalidRequest', several])
    const named = await put({
      'x-amz-sdk-checksum-algorithm': 'SHA256',
      [header('CRC32')]: known.CRC32
    })
    t.deepEqual(
      [named.code, named.message],
      ['InvalidRequest', 'Value for x-amz-sdk-checksum-algorithm header is invalid.']
    )
    t.is((await put({ 'x-amz-sdk-checksum-algorithm': 'MD4' })).code, 'InvalidRequest')
    // Content-MD5 goes with any of them.
    const md5 = createHash('md5').update('123456789').digest('base64')
    t.is((await put({ 'content-md5': md5, [header('CRC32')]: known.CRC32 })).status, 200)
  })

  test(`${suite}: what is signed into a URL holds for what is uploaded with it`, async t => {
    const endpoint = open()
    const Bucket = await makeBucket(clientOf(endpoint))
    const s3 = new S3Client({
      endpoint: endpoint.endpoint,
      region: 'auto',
      forcePathStyle: true,
      credentials: endpoint,
      requestChecksumCalculation: 'WHEN_REQUIRED'
    })
    const urlFor = (Key: string, extra: object): Promise<string> => {
      return getSignedUrl(s3, new PutObjectCommand({ Bucket, Key, ...extra }), { expiresIn: 60 })
    }
    const put = (url: string, body: string) => {
      const { pathname, search } = new URL(url)
      return send(endpoint, { method: 'PUT', path: pathname + search, body })
    }

    const url = await urlFor('k', { ChecksumCRC32: known.CRC32, Metadata: { a: 'ü' } })
    t.true(url.includes('x-amz-checksum-crc32'))
    t.is((await put(url, 'something else')).code, 'BadDigest')
    const right = await put(url, '123456789')
    t.is(right.status, 200, right.text)
    t.is(right.headers[header('CRC32')], known.CRC32)
    const head = await s3.send(new HeadObjectCommand({ Bucket, Key: 'k' }))
    t.deepEqual(head.Metadata, { a: '=?UTF-8?B?w7w=?=' })

    // SDKs that know of no body yet sign the checksum of none.
    const empty = Buffer.alloc(4).toString('base64')
    t.is(crc32(''), 0)
    const forAny = await urlFor('any', { ChecksumCRC32: empty })
    t.is((await put(forAny, 'anything')).status, 200)
  })

  test(`${suite}: a checksum of the parts' checksums says so everywhere`, async t => {
    const s3 = clientOf(open())
    const Bucket = await makeBucket(s3)
    const at = { Bucket, Key: 'parts' }
    const pieces = [randomBytes(5 * 1024 * 1024), randomBytes(100)]
    const ChecksumAlgorithm = 'SHA256'
    const { UploadId = '' } = await s3.send(
      new CreateMultipartUploadCommand({ ...at, ChecksumAlgorithm })
    )
    const Parts = []
    const whole = createHash('sha256')
    for (const [index, Body] of pieces.entries()) {
      const PartNumber = index + 1
      const { ETag, ChecksumSHA256 } = await s3.send(
        new UploadPartCommand({ ...at, UploadId, PartNumber, Body, ChecksumAlgorithm })
      )
      whole.update(createHash('sha256').update(Body).digest())
      Parts.push({ PartNumber, ETag, ChecksumSHA256 })
    }
    await s3.send(
      new CompleteMultipartUploadCommand({ ...at, UploadId, MultipartUpload: { Parts } })
    )

    const value = `${whole.digest('base64')}-2`
    const ChecksumMode = 'ENABLED'
    const got = await s3.send(new GetObjectCommand({ ...at, ChecksumMode }))
    t.true(Buffer.concat(pieces).equals(await bodyOf(got)))
    t.is(got.ChecksumSHA256, value)
    t.is(got.ChecksumType, 'COMPOSITE')
    const copy = await s3.send(
      new CopyObjectCommand({ Bucket, Key: 'copy', CopySource: `${Bucket}/parts` })
    )
    t.is(copy.CopyObjectResult?.ChecksumSHA256, value)
    t.is(copy.CopyObjectResult?.ChecksumType, 'COMPOSITE')
    const head = await s3.send(new HeadObjectCommand({ Bucket, Key: 'copy', ChecksumMode }))
    t.is(head.ChecksumSHA256, value)

    const attributes = await s3.send(
      new GetObjectAttributesCommand({
        Bucket,
        Key: 'copy',
        ObjectAttributes: ['ETag', 'Checksum', 'ObjectParts', 'StorageClass', 'ObjectSize']
      })
    )
    t.is(attributes.ETag, got.ETag?.replaceAll('"', ''))
    t.is(attributes.ObjectSize, 5 * 1024 * 1024 + 100)
    t.is(attributes.StorageClass, 'STANDARD')
    t.deepEqual(attributes.Checksum, { ChecksumSHA256: value, ChecksumType: 'COMPOSITE' })
    t.is(attributes.ObjectParts?.TotalPartsCount, 2)
    t.deepEqual(
      attributes.ObjectParts?.Parts?.map(({ PartNumber, Size }) => [PartNumber, Size]),
      [
        [1, 5 * 1024 * 1024],
        [2, 100]
      ]
    )
    const page = await s3.send(
      new GetObjectAttributesCommand({
        Bucket,
        Key: 'copy',
        ObjectAttributes: ['ObjectParts'],
        MaxParts: 1,
        PartNumberMarker: '1'
      })
    )
    t.is(page.ETag, undefined)
    t.false(page.ObjectParts?.IsTruncated)
    t.deepEqual(
      page.ObjectParts?.Parts?.map(({ PartNumber }) => PartNumber),
      [2]
    )
  })
}
