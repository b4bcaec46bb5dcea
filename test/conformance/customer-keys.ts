// SSE-C: an object under a key that only its customer has.

import { createHash, randomBytes } from 'node:crypto'
import {
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  UploadPartCommand
} from '@aws-sdk/client-s3'
import type { TestFn } from 'ava'
import { bodyOf, clientOf, makeBucket, refusal, type S3Endpoint } from './s3.ts'
import { signedSend } from './signed-send.ts'

function md5(bytes: Buffer): string {
  return createHash('md5').update(bytes).digest('base64')
}

/** As the SDK takes it: it encodes the key and adds the MD5. */
function under(key: Buffer) {
  return {
    SSECustomerAlgorithm: 'AES256',
    SSECustomerKey: key.toString('base64'),
    SSECustomerKeyMD5: md5(key)
  }
}

function sourceUnder(key: Buffer) {
  return {
    CopySourceSSECustomerAlgorithm: 'AES256',
    CopySourceSSECustomerKey: key.toString('base64'),
    CopySourceSSECustomerKeyMD5: md5(key)
  }
}

const name = 'x-amz-server-side-encryption-customer-'

/** What R2 says first, then what is missing of the three headers in its order. */
const must = 'Requests specifying Server Side Encryption with Customer provided keys must provide '
const key = randomBytes(32)
const [keyText, keyMd5] = [key.toString('base64'), md5(key)]
const short = randomBytes(16)
const screened: [Record<string, string>, string, string][] = [
  [{ algorithm: 'AES256' }, 'InvalidArgument', `${must}an appropriate secret key.`],
  [{ 'key-md5': keyMd5 }, 'InvalidArgument', `${must}an appropriate secret key.`],
  [
    { key: keyText, algorithm: 'AES256' },
    'InvalidArgument',
    `${must}the client calculated MD5 of the secret key.`
  ],
  [{ key: keyText, 'key-md5': keyMd5 }, 'InvalidArgument', `${must}a valid encryption algorithm.`],
  [
    { key: keyText, 'key-md5': keyMd5, algorithm: 'aws:kms' },
    'InvalidEncryptionAlgorithmError',
    'The encryption request that you specified is not valid. The valid value is AES256.'
  ],
  [
    { key: short.toString('base64'), 'key-md5': md5(short), algorithm: 'AES256' },
    'InvalidArgument',
    'The secret key was invalid for the specified algorithm.'
  ],
  [
    { key: keyText.replace('=', '*'), 'key-md5': keyMd5, algorithm: 'AES256' },
    'InvalidArgument',
    'The secret key was invalid for the specified algorithm.'
  ],
  [
    { key: keyText, 'key-md5': md5(short), algorithm: 'AES256' },
    'InvalidArgument',
    'The calculated MD5 hash of the key did not match the hash that was provided.'
  ]
]

export function customerKeySuite(test: TestFn, suite: string, open: () => S3Endpoint): void {
  test(`${suite}: what a customer's key encrypts, that key alone opens`, async t => {
    const s3 = clientOf(open())
    const Bucket = await makeBucket(s3)
    const [mine, other] = [randomBytes(32), randomBytes(32)]
    for (const size of [0, 100, 1_000_000]) {
      const Body = randomBytes(size)
      const at = { Bucket, Key: `object of ${size}` }
      const put = await s3.send(new PutObjectCommand({ ...at, Body, ...under(mine) }))
      t.is(put.SSECustomerAlgorithm, 'AES256')
      t.is(put.SSECustomerKeyMD5, md5(mine))

      const got = await s3.send(new GetObjectCommand({ ...at, ...under(mine) }))
      t.true(Body.equals(await bodyOf(got)))
      t.is(got.SSECustomerKeyMD5, md5(mine))
      const head = await s3.send(new HeadObjectCommand({ ...at, ...under(mine) }))
      t.is(head.ContentLength, size)
      t.is(head.SSECustomerAlgorithm, 'AES256')

      t.deepEqual(await refusal(t, s3.send(new GetObjectCommand(at))), {
        name: 'InvalidRequest',
        status: 400
      })
      t.is((await refusal(t, s3.send(new HeadObjectCommand(at)))).status, 400)
      t.deepEqual(await refusal(t, s3.send(new GetObjectCommand({ ...at, ...under(other) }))), {
        name: 'AccessDenied',
        status: 403
      })
    }
  })

  test(`${suite}: a customer's key for an object that has none is refused`, async t => {
    const s3 = clientOf(open())
    const Bucket = await makeBucket(s3)
    await s3.send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'plain' }))

    const got = await signedSend(open(), {
      method: 'GET',
      path: `/${Bucket}/k`,
      headers: {
        [`${name}algorithm`]: 'AES256',
        [`${name}key`]: keyText,
        [`${name}key-md5`]: keyMd5
      }
    })
    t.is(got.status, 400)
    t.is(got.code, 'InvalidRequest')
    t.is(got.message, 'The encryption parameters are not applicable to this object.')
  })

  test(`${suite}: a copy is opened with the source's key and written under its own`, async t => {
    const s3 = clientOf(open())
    const Bucket = await makeBucket(s3)
    const [first, second] = [randomBytes(32), randomBytes(32)]
    const Body = randomBytes(300_000)
    await s3.send(new PutObjectCommand({ Bucket, Key: 'source', Body, ...under(first) }))
    const copy = (Key: string, extra: object) => {
      return s3.send(
        new CopyObjectCommand({ Bucket, Key, CopySource: `${Bucket}/source`, ...extra })
      )
    }

    const copied = await copy('sealed', { ...sourceUnder(first), ...under(second) })
    t.is(copied.SSECustomerKeyMD5, md5(second))
    await copy('plain', sourceUnder(first))
    t.is((await refusal(t, copy('no', {}))).status, 400)
    t.is((await refusal(t, copy('no', sourceUnder(second)))).status, 403)
    t.is((await refusal(t, copy('no', under(second)))).status, 400)
    const get = (Key: string, extra: object = {}) => {
      return s3.send(new GetObjectCommand({ Bucket, Key, ...extra }))
    }
    t.true(Body.equals(await bodyOf(await get('sealed', under(second)))))
    t.is((await refusal(t, get('sealed', under(first)))).status, 403)
    t.true(Body.equals(await bodyOf(await get('plain'))))
  })

  test(`${suite}: an upload in parts is under one customer's key`, async t => {
    const s3 = clientOf(open())
    const Bucket = await makeBucket(s3)
    const [mine, other] = [randomBytes(32), randomBytes(32)]
    const at = { Bucket, Key: 'parts' }
    const created = await s3.send(new CreateMultipartUploadCommand({ ...at, ...under(mine) }))
    t.is(created.SSECustomerKeyMD5, md5(mine))
    const { UploadId } = created
    const pieces = [randomBytes(5 * 1024 * 1024), randomBytes(1000)]
    const upload = (PartNumber: number, sealing: object) => {
      const Body = pieces[PartNumber - 1] ?? ''
      return s3.send(new UploadPartCommand({ ...at, UploadId, PartNumber, Body, ...sealing }))
    }

    t.is((await refusal(t, upload(1, {}))).status, 400)
    t.is((await refusal(t, upload(1, under(other)))).status, 403)
    const Parts = []
    for (const PartNumber of [1, 2]) {
      const { ETag, SSECustomerKeyMD5 } = await upload(PartNumber, under(mine))
      t.is(SSECustomerKeyMD5, md5(mine))
      Parts.push({ PartNumber, ETag })
    }
    await s3.send(
      new CompleteMultipartUploadCommand({ ...at, UploadId, MultipartUpload: { Parts } })
    )

    const got = await s3.send(new GetObjectCommand({ ...at, ...under(mine) }))
    t.true(Buffer.concat(pieces).equals(await bodyOf(got)))
    t.is((await refusal(t, s3.send(new GetObjectCommand(at)))).status, 400)
  })

  test(`${suite}: the three headers of a customer's key are looked at in R2's order`, async t => {
    const s3 = clientOf(open())
    const Bucket = await makeBucket(s3)
    await s3.send(new PutObjectCommand({ Bucket, Key: 'there', Body: 'x' }))

    for (const [fields, code, message] of screened) {
      const headers = (prefix: string): Record<string, string> => {
        const entries = Object.entries(fields)
        return Object.fromEntries(entries.map(([field, value]) => [prefix + field, value]))
      }
      const copySource = { 'x-amz-copy-source': `${Bucket}/there` }
      const requests = [
        { method: 'PUT', path: `/${Bucket}/k`, body: 'x', headers: headers(name) },
        { method: 'GET', path: `/${Bucket}/there`, headers: headers(name) },
        { method: 'PUT', path: `/${Bucket}/k`, headers: { ...copySource, ...headers(name) } },
        {
          method: 'PUT',
          path: `/${Bucket}/k`,
          headers: {
            ...copySource,
            ...headers('x-amz-copy-source-server-side-encryption-customer-')
          }
        }
      ]
      for (const request of requests) {
        const answer = await signedSend(open(), request)
        t.deepEqual([answer.status, answer.code, answer.message], [400, code, message])
        t.false(answer.text.includes(keyText))
      }
    }
    t.is((await signedSend(open(), { method: 'HEAD', path: `/${Bucket}/k` })).status, 404)
  })

  test(`${suite}: a refused signature does not repeat the customer's key`, async t => {
    const s3 = clientOf(open())
    const Bucket = await makeBucket(s3)

    const answer = await signedSend(
      { ...open(), secretAccessKey: 'f'.repeat(64) },
      {
        method: 'GET',
        path: `/${Bucket}/k`,
        headers: {
          [`${name}algorithm`]: 'AES256',
          [`${name}key`]: keyText,
          [`${name}key-md5`]: keyMd5
        }
      }
    )
    t.is(answer.code, 'SignatureDoesNotMatch')
    t.true(answer.text.includes(`${name}key:(secret)`))
    t.false(answer.text.includes(keyText))
    const hex = Buffer.from(keyText)
      .toString('hex')
      .replaceAll(/..(?=.)/g, '$& ')
    t.false(answer.text.includes(hex))
  })
}
