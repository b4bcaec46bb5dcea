// A daemon that is to be as strict as R2: what it refuses, in R2's words.

import { randomBytes } from 'node:crypto'
import {
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  PutObjectCommand,
  UploadPartCommand
} from '@aws-sdk/client-s3'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'
import test from 'ava'
import { clientOf, makeBucket, refusal, type S3Endpoint } from '../conformance/s3.ts'
import { hugeCopySuite } from '../conformance/copies.ts'
import { customerKeySuite } from '../conformance/customer-keys.ts'
import { send, signedSend, type Sent } from '../conformance/signed-send.ts'
import { DaemonProcess, makeDaemonHome, removeHome } from '../daemon/daemon-process.ts'

let daemon: DaemonProcess
let endpoint: S3Endpoint

test.before(async () => {
  daemon = await DaemonProcess.start(await makeDaemonHome(), { R2D_S3_COMPAT: 'strict-r2' })
  endpoint = await daemon.s3()
})

test.after.always(async () => {
  await daemon.stop()
  await removeHome(daemon.home)
})

const part = 'x-amz-copy-source'
const refused: [Sent, string][] = [
  [{ method: 'GET', path: '/B/k?tagging' }, 'GetObjectTagging not implemented'],
  [{ method: 'PUT', path: '/B/k?tagging', body: 'x' }, 'PutObjectTagging not implemented'],
  [{ method: 'GET', path: '/B/k?acl' }, 'GetObjectAcl not implemented'],
  [{ method: 'PUT', path: '/B/k?acl' }, 'PutObjectAcl not implemented'],
  [{ method: 'PUT', path: '/B?acl' }, 'PutBucketAcl not implemented'],
  [{ method: 'GET', path: '/B/k?attributes' }, 'GetObjectAttributes not implemented'],
  [
    { method: 'PUT', path: '/B/k', headers: { 'x-amz-tagging': 'a=b' } },
    "Header 'x-amz-tagging' with value 'a=b' not implemented"
  ],
  [
    { method: 'PUT', path: '/B/k', headers: { [part]: 'B/k', 'x-amz-tagging-directive': 'COPY' } },
    "Header 'x-amz-tagging-directive' with value 'COPY' not implemented"
  ],
  [
    {
      method: 'PUT',
      path: '/B/k?partNumber=1&uploadId=u',
      headers: { [part]: 'B/k', 'x-amz-copy-source-if-match': 'e' }
    },
    "Header 'x-amz-copy-source-if-match' with value 'e' not implemented"
  ],
  [
    { method: 'GET', path: '/B/k', headers: { 'x-amz-expected-bucket-owner': 'r2d' } },
    "Header 'x-amz-expected-bucket-owner' with value 'r2d' not implemented"
  ],
  [
    { method: 'PUT', path: '/other', headers: { 'x-amz-acl': 'private' } },
    "Header 'x-amz-acl' with value 'private' not implemented"
  ],
  [
    {
      method: 'PUT',
      path: '/B/k',
      headers: {
        'x-amz-content-sha256': 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD',
        'x-amz-decoded-content-length': '0'
      }
    },
    'STREAMING-AWS4-HMAC-SHA256-PAYLOAD not implemented'
  ],
  [
    {
      method: 'PUT',
      path: '/B/k',
      headers: { 'x-amz-content-sha256': 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER' }
    },
    'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER not implemented'
  ],
  [
    { method: 'GET', path: '/?max-buckets=1' },
    'ListBuckets search parameter max-buckets not implemented'
  ]
]

test('what R2 does not implement is refused with the name of the operation or header', async t => {
  const Bucket = await makeBucket(clientOf(endpoint))

  for (const [sent, message] of refused) {
    const path = sent.path.replace('/B', `/${Bucket}`)
    const answer = await signedSend(endpoint, { ...sent, path })
    t.deepEqual([answer.status, answer.code, answer.message], [501, 'NotImplemented', message])
  }
})

test('DELETE with a parameter deletes the object, as in R2', async t => {
  const s3 = clientOf(endpoint)
  const Bucket = await makeBucket(s3)
  await s3.send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'x' }))

  t.is((await signedSend(endpoint, { method: 'DELETE', path: `/${Bucket}/k?tagging` })).status, 204)
  t.is((await signedSend(endpoint, { method: 'HEAD', path: `/${Bucket}/k` })).status, 404)
})

test('a body without a length is refused', async t => {
  const Bucket = await makeBucket(clientOf(endpoint))

  const answer = await signedSend(endpoint, {
    method: 'PUT',
    path: `/${Bucket}/k`,
    headers: { 'transfer-encoding': 'chunked' },
    body: 'x'
  })
  t.deepEqual([answer.status, answer.code], [411, 'MissingContentLength'])
})

test('of many writes to a key at once some are too many', async t => {
  const s3 = clientOf(endpoint)
  const Bucket = await makeBucket(s3)
  const burst = async (write: () => Promise<unknown>): Promise<void> => {
    const outcomes = await Promise.allSettled(Array.from({ length: 10 }, write))
    // They would have to take ten seconds for all of them to be let in.
    const refusals = outcomes.flatMap(each =>
      each.status === 'rejected' ? [each.reason as Error] : []
    )
    t.true(refusals.length > 0 && refusals.length < 10)
    for (const { name } of refusals) t.is(name, 'TooManyRequests')
  }

  await burst(() => s3.send(new PutObjectCommand({ Bucket, Key: 'k', Body: randomBytes(8) })))
  const CopySource = `${Bucket}/k`
  await burst(() => s3.send(new CopyObjectCommand({ Bucket, Key: 'copy', CopySource })))
})

test('parts must be even, and the last not larger', async t => {
  const s3 = clientOf(endpoint)
  const Bucket = await makeBucket(s3)
  const size = 5 * 1024 * 1024
  const complete = async (Key: string, sizes: number[]) => {
    const at = { Bucket, Key }
    const { UploadId } = await s3.send(new CreateMultipartUploadCommand(at))
    const Parts = []
    for (const [index, length] of sizes.entries()) {
      const PartNumber = index + 1
      const Body = Buffer.alloc(length)
      const { ETag } = await s3.send(new UploadPartCommand({ ...at, UploadId, PartNumber, Body }))
      Parts.push({ PartNumber, ETag })
    }
    const MultipartUpload = { Parts }
    return s3.send(new CompleteMultipartUploadCommand({ ...at, UploadId, MultipartUpload }))
  }

  const uneven = { name: 'InvalidPart', status: 400 }
  t.deepEqual(await refusal(t, complete('a', [size, size + 1, 7])), uneven)
  t.deepEqual(await refusal(t, complete('b', [size, size + 1])), uneven)
  await t.notThrowsAsync(complete('c', [size, size, 7]))
})

test('a URL that was signed with the checksum of no body takes none', async t => {
  const s3 = clientOf(endpoint)
  const Bucket = await makeBucket(s3)
  const ChecksumCRC32 = Buffer.alloc(4).toString('base64')
  const command = new PutObjectCommand({ Bucket, Key: 'k', ChecksumCRC32 })

  const { pathname, search } = new URL(await getSignedUrl(s3, command, { expiresIn: 60 }))
  const answer = await send(endpoint, { method: 'PUT', path: pathname + search, body: 'something' })
  t.deepEqual([answer.status, answer.code], [400, 'BadDigest'])
})

customerKeySuite(test, 'as strict as R2', () => endpoint)
hugeCopySuite(test, 'as strict as R2', () => endpoint, { isCopied: false })
