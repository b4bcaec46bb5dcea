// What every S3 endpoint of r2d does, asked with the SDK that people use. Only S3 is spoken here.

import { createHash, randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import {
  CopyObjectCommand,
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetBucketLocationCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  ListObjectsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client
} from '@aws-sdk/client-s3'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'
import type { ExecutionContext, TestFn } from 'ava'
import { corsSuite } from './cors.ts'
import { lifecycleSuite } from './lifecycle.ts'

export interface S3Endpoint {
  endpoint: string
  accessKeyId: string
  secretAccessKey: string
}

export function clientOf({ endpoint, accessKeyId, secretAccessKey }: S3Endpoint): S3Client {
  return new S3Client({
    endpoint,
    region: 'auto',
    forcePathStyle: true,
    maxAttempts: 1,
    credentials: { accessKeyId, secretAccessKey }
  })
}

let bucketNumber = 0

/** A bucket of its own for one test. */
export async function makeBucket(client: S3Client): Promise<string> {
  const Bucket = `bucket-${process.pid}-${bucketNumber++}`
  await client.send(new CreateBucketCommand({ Bucket }))
  return Bucket
}

const oddKeys = [
  'plain',
  'a b',
  'a+b',
  'a%2Fb',
  'ü/ß',
  '🙂',
  '..',
  '../up',
  'a//b',
  '/lead',
  'trail/',
  'a\nb',
  'quote"\'<>&',
  'q?x=1#f',
  '12345',
  ' spaces ',
  'x'.repeat(1024)
]

export async function bodyOf(result: { Body?: unknown }): Promise<Buffer> {
  const pieces: Buffer[] = []
  for await (const piece of result.Body as Readable) pieces.push(piece as Buffer)
  return Buffer.concat(pieces)
}

export async function refusal(
  t: ExecutionContext,
  promise: Promise<unknown>
): Promise<{ name: string; status: number }> {
  const error = await t.throwsAsync<Error & { $metadata?: { httpStatusCode?: number } }>(promise)
  return { name: error.name, status: error.$metadata?.httpStatusCode ?? 0 }
}

export function s3Suite(test: TestFn, name: string, open: () => S3Endpoint): void {
  const client = (): S3Client => clientOf(open())
  corsSuite(test, name, open)
  lifecycleSuite(test, name, open)

  for (const size of [0, 1, 65_535, 65_536, 65_537, 262_145, 5_000_000]) {
    test(`${name}: an object of ${size} bytes comes back as it was put`, async t => {
      const s3 = client()
      const Bucket = await makeBucket(s3)
      const Body = randomBytes(size)

      const put = await s3.send(
        new PutObjectCommand({
          Bucket,
          Key: 'object',
          Body,
          ContentType: 'text/x-test',
          CacheControl: 'max-age=60',
          Metadata: { color: 'blue', 'with-dash': 'yes' }
        })
      )

      const etag = `"${createHash('md5').update(Body).digest('hex')}"`
      t.is(put.ETag, etag)
      const got = await s3.send(new GetObjectCommand({ Bucket, Key: 'object' }))
      t.true(Body.equals(await bodyOf(got)))
      t.is(got.ETag, etag)
      const head = await s3.send(new HeadObjectCommand({ Bucket, Key: 'object' }))
      t.is(head.ContentLength, size)
      t.is(head.ContentType, 'text/x-test')
      t.is(head.CacheControl, 'max-age=60')
      t.deepEqual(head.Metadata, { color: 'blue', 'with-dash': 'yes' })
    })
  }

  test(`${name}: a stream with a trailing checksum is stored and verified`, async t => {
    const s3 = client()
    const Bucket = await makeBucket(s3)
    const content = randomBytes(3_000_000)
    async function* pieces(): AsyncGenerator<Buffer> {
      for (let offset = 0; offset < content.length; offset += 100_000) {
        yield await Promise.resolve(content.subarray(offset, offset + 100_000))
      }
    }

    await s3.send(
      new PutObjectCommand({
        Bucket,
        Key: 'stream',
        Body: Readable.from(pieces()),
        ContentLength: content.length,
        ChecksumAlgorithm: 'SHA256'
      })
    )

    const head = await s3.send(
      new HeadObjectCommand({ Bucket, Key: 'stream', ChecksumMode: 'ENABLED' })
    )
    t.is(head.ChecksumSHA256, createHash('sha256').update(content).digest('base64'))
    t.true(
      content.equals(await bodyOf(await s3.send(new GetObjectCommand({ Bucket, Key: 'stream' }))))
    )
  })

  test(`${name}: keys of every odd kind keep their bytes`, async t => {
    const s3 = client()
    const Bucket = await makeBucket(s3)

    for (const Key of oddKeys) {
      await s3.send(new PutObjectCommand({ Bucket, Key, Body: `content of ${Key}` }))
    }

    for (const Key of oddKeys) {
      const got = await s3.send(new GetObjectCommand({ Bucket, Key }))
      t.is((await bodyOf(got)).toString(), `content of ${Key}`)
    }
    const list = await s3.send(new ListObjectsV2Command({ Bucket, EncodingType: 'url' }))
    const listed = list.Contents?.map(({ Key }) => decodeURIComponent(Key ?? ''))
    const inOrder = [...oddKeys].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    t.deepEqual(listed, inOrder)

    const Objects = oddKeys.map(Key => ({ Key }))
    await s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects } }))
    t.is((await s3.send(new ListObjectsV2Command({ Bucket }))).KeyCount, 0)
  })

  test(`${name}: a range is served as RFC 9110 has it, and one beyond the end is refused`, async t => {
    const s3 = client()
    const Bucket = await makeBucket(s3)
    const content = randomBytes(200_000)
    await s3.send(new PutObjectCommand({ Bucket, Key: 'k', Body: content }))
    const range = async (Range: string) => {
      const got = await s3.send(new GetObjectCommand({ Bucket, Key: 'k', Range }))
      return {
        status: got.$metadata.httpStatusCode,
        range: got.ContentRange,
        body: await bodyOf(got)
      }
    }

    const middle = await range('bytes=65530-131080')
    t.is(middle.status, 206)
    t.is(middle.range, 'bytes 65530-131080/200000')
    t.true(content.subarray(65_530, 131_081).equals(middle.body))
    t.true(content.subarray(199_990).equals((await range('bytes=199990-999999')).body))
    t.true(content.subarray(-7).equals((await range('bytes=-7')).body))
    t.true(content.equals((await range('bytes=-999999')).body))
    t.deepEqual(await refusal(t, range('bytes=200000-')), { name: 'InvalidRange', status: 416 })
    t.deepEqual(await refusal(t, range('bytes=5-4')), { name: 'InvalidArgument', status: 400 })
    t.deepEqual(await refusal(t, range('bytes=0-1,3-4')), { name: 'InvalidArgument', status: 400 })
  })

  test(`${name}: conditions decide what is read and what is written`, async t => {
    const s3 = client()
    const Bucket = await makeBucket(s3)
    const Key = 'k'
    const { ETag } = await s3.send(new PutObjectCommand({ Bucket, Key, Body: 'one' }))
    const put = (extra: object) =>
      s3.send(new PutObjectCommand({ Bucket, Key, Body: 'two', ...extra }))
    const get = (extra: object) => s3.send(new GetObjectCommand({ Bucket, Key, ...extra }))

    t.is((await refusal(t, put({ IfNoneMatch: '*' }))).status, 412)
    t.is((await refusal(t, put({ IfMatch: '"0123"' }))).status, 412)
    t.is((await refusal(t, get({ IfMatch: '"0123"' }))).status, 412)
    t.is((await refusal(t, get({ IfNoneMatch: ETag }))).status, 304)
    t.is((await refusal(t, get({ IfModifiedSince: new Date(Date.now() + 60_000) }))).status, 304)
    t.is((await refusal(t, get({ IfUnmodifiedSince: new Date(0) }))).status, 412)
    t.is((await bodyOf(await get({ IfMatch: ETag }))).toString(), 'one')
    await put({ IfMatch: String(ETag) })
    t.is((await bodyOf(await get({}))).toString(), 'two')
  })

  test(`${name}: what is not modified comes without the checksums of a body`, async t => {
    const s3 = client()
    const Bucket = await makeBucket(s3)
    const { ETag } = await s3.send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'content' }))
    const input = { Bucket, Key: 'k', ChecksumMode: 'ENABLED' } as const

    t.truthy((await s3.send(new HeadObjectCommand(input))).ChecksumCRC32)
    const error = await t.throwsAsync<Error & { $response?: { headers: Record<string, string> } }>(
      s3.send(new GetObjectCommand({ ...input, IfNoneMatch: ETag }))
    )
    t.is(error.$response?.headers['etag'], ETag)
    t.is(error.$response?.headers['x-amz-checksum-crc32'], undefined)
  })

  test(`${name}: of many writers that require the key to be new, one is let in`, async t => {
    const s3 = client()
    const Bucket = await makeBucket(s3)

    const outcomes = await Promise.allSettled(
      Array.from({ length: 40 }, (_, n) =>
        s3.send(new PutObjectCommand({ Bucket, Key: 'lock', Body: String(n), IfNoneMatch: '*' }))
      )
    )

    const winners = outcomes.flatMap(({ status }, n) => (status === 'fulfilled' ? [String(n)] : []))
    t.is(winners.length, 1)
    const got = await s3.send(new GetObjectCommand({ Bucket, Key: 'lock' }))
    t.is((await bodyOf(got)).toString(), String(winners[0]))
  })

  test(`${name}: listings page, group by delimiter, and start after a key`, async t => {
    const s3 = client()
    const Bucket = await makeBucket(s3)
    const keys = ['a/1', 'a/2', 'a/b/3', 'b', 'c/1', 'c/2', 'd']
    for (const Key of keys) await s3.send(new PutObjectCommand({ Bucket, Key, Body: Key }))

    const found: string[] = []
    let ContinuationToken: string | undefined
    do {
      const page = await s3.send(
        new ListObjectsV2Command({
          Bucket,
          Delimiter: '/',
          MaxKeys: 1,
          ...(ContinuationToken === undefined ? {} : { ContinuationToken })
        })
      )
      found.push(...(page.Contents ?? []).map(({ Key }) => Key ?? ''))
      found.push(...(page.CommonPrefixes ?? []).map(({ Prefix }) => Prefix ?? ''))
      ContinuationToken = page.NextContinuationToken
    } while (ContinuationToken !== undefined)
    t.deepEqual(found, ['a/', 'b', 'c/', 'd'])

    const after = await s3.send(new ListObjectsV2Command({ Bucket, StartAfter: 'b' }))
    t.deepEqual(
      after.Contents?.map(({ Key }) => Key),
      ['c/1', 'c/2', 'd']
    )
    const first = await s3.send(new ListObjectsCommand({ Bucket, Prefix: 'a/', MaxKeys: 2 }))
    t.true(first.IsTruncated)
    t.is(first.NextMarker, 'a/2')
    const exact = await s3.send(new ListObjectsV2Command({ Bucket, MaxKeys: keys.length }))
    t.false(exact.IsTruncated)
    t.is(exact.NextContinuationToken, undefined)
  })

  test(`${name}: what a listing answers begins with the prefix asked for, in either spelling`, async t => {
    const s3 = client()
    const Bucket = await makeBucket(s3)
    const [composed, decomposed] = ['\u00e9/', 'e\u0301/']
    await s3.send(new PutObjectCommand({ Bucket, Key: `${decomposed}e\u0301`, Body: '1' }))
    const list = (Prefix: string, Delimiter = '') =>
      s3.send(new ListObjectsV2Command({ Bucket, Prefix, Delimiter }))

    t.is((await list('', '/')).CommonPrefixes?.[0]?.Prefix, decomposed)
    t.is((await list(decomposed, '/')).Contents?.[0]?.Key, `${decomposed}e\u0301`)
    t.is((await list(composed, '/')).Contents?.[0]?.Key, `${composed}\u00e9`)
    await s3.send(new PutObjectCommand({ Bucket, Key: `${composed}d/1`, Body: '2' }))
    t.is((await list(decomposed, '/')).CommonPrefixes?.[0]?.Prefix, `${decomposed}d/`)
    t.is((await list(composed, '/')).CommonPrefixes?.[0]?.Prefix, `${composed}d/`)
  })

  test(`${name}: a copy has the source's content and outlives it`, async t => {
    const s3 = client()
    const [from, to] = [await makeBucket(s3), await makeBucket(s3)]
    const content = randomBytes(300_000)
    await s3.send(
      new PutObjectCommand({ Bucket: from, Key: 'sö urce', Body: content, Metadata: { a: '1' } })
    )

    const CopySource = `${from}/${encodeURIComponent('sö urce')}`
    await s3.send(new CopyObjectCommand({ Bucket: to, Key: 'copy', CopySource }))
    await s3.send(
      new CopyObjectCommand({
        Bucket: to,
        Key: 'replaced',
        CopySource,
        MetadataDirective: 'REPLACE',
        Metadata: { b: '2' }
      })
    )
    await s3.send(new DeleteObjectCommand({ Bucket: from, Key: 'sö urce' }))

    const copy = await s3.send(new GetObjectCommand({ Bucket: to, Key: 'copy' }))
    t.deepEqual(copy.Metadata, { a: '1' })
    t.true(content.equals(await bodyOf(copy)))
    const replaced = await s3.send(new GetObjectCommand({ Bucket: to, Key: 'replaced' }))
    t.deepEqual(replaced.Metadata, { b: '2' })
    t.true(content.equals(await bodyOf(replaced)))
  })

  test(`${name}: buckets come, are listed, and go when they are empty`, async t => {
    const s3 = client()
    const Bucket = await makeBucket(s3)

    await s3.send(new HeadBucketCommand({ Bucket }))
    t.is(
      (await s3.send(new GetBucketLocationCommand({ Bucket }))).LocationConstraint as string,
      'LOCAL'
    )
    const names = (await s3.send(new ListBucketsCommand({}))).Buckets?.map(({ Name }) => Name)
    t.true(names?.includes(Bucket))
    t.deepEqual(await refusal(t, s3.send(new CreateBucketCommand({ Bucket }))), {
      name: 'BucketAlreadyOwnedByYou',
      status: 409
    })
    await s3.send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'x' }))
    t.deepEqual(await refusal(t, s3.send(new DeleteBucketCommand({ Bucket }))), {
      name: 'BucketNotEmpty',
      status: 409
    })
    await s3.send(new DeleteObjectCommand({ Bucket, Key: 'k' }))
    await s3.send(new DeleteBucketCommand({ Bucket }))
    t.is((await refusal(t, s3.send(new HeadBucketCommand({ Bucket })))).status, 404)
    t.is(
      (await refusal(t, s3.send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'x' })))).name,
      'NoSuchBucket'
    )
  })

  test(`${name}: what GetBucketLocation answers is a region to sign with`, async t => {
    const s3 = client()
    const Bucket = await makeBucket(s3)
    const { LocationConstraint } = await s3.send(new GetBucketLocationCommand({ Bucket }))

    s3.config.region = () => Promise.resolve(String(LocationConstraint))
    await s3.send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'x' }))
    s3.config.region = () => Promise.resolve('mars')
    const put = s3.send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'x' }))
    t.is((await refusal(t, put)).name, 'InvalidRegionName')
  })

  test(`${name}: a presigned URL reads and writes without other credentials`, async t => {
    const s3 = client()
    const Bucket = await makeBucket(s3)

    const url = await getSignedUrl(s3, new PutObjectCommand({ Bucket, Key: 'signed key' }), {
      expiresIn: 60
    })
    t.is((await fetch(url, { method: 'PUT', body: 'by url' })).status, 200)
    const read = await getSignedUrl(s3, new GetObjectCommand({ Bucket, Key: 'signed key' }))
    t.is(await (await fetch(read)).text(), 'by url')
    const forged = await fetch(read.replace('signed%20key', 'other'))
    t.is(forged.status, 403)
    t.regex(await forged.text(), /<Code>SignatureDoesNotMatch<\/Code>/)
  })

  test(`${name}: a bucket is found by its host name, too`, async t => {
    const { endpoint, ...credentials } = open()
    const s3 = client()
    const Bucket = await makeBucket(s3)
    const { port } = new URL(endpoint)
    const byHost = new S3Client({
      endpoint: `http://localhost:${port}`,
      region: 'auto',
      credentials,
      maxAttempts: 1
    })

    // The name is resolved here: not every system has names under localhost.
    byHost.middlewareStack.add(
      next => args => {
        const request = args.request as { hostname: string; headers: Record<string, string> }
        request.headers['host'] = `${request.hostname}:${port}`
        request.hostname = '127.0.0.1'
        return next(args)
      },
      { step: 'finalizeRequest', priority: 'low', name: 'resolveLocally' }
    )
    await byHost.send(new PutObjectCommand({ Bucket, Key: 'dir/k', Body: 'by host' }))

    const got = await s3.send(new GetObjectCommand({ Bucket, Key: 'dir/k' }))
    t.is((await bodyOf(got)).toString(), 'by host')
  })

  test(`${name}: what is not acceptable gets its error, and nothing is stored`, async t => {
    const s3 = client()
    const Bucket = await makeBucket(s3)
    const put = (extra: object) => {
      return s3.send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'content', ...extra }))
    }
    const wrongMd5 = createHash('md5').update('other').digest('base64')
    const cases: [object, string, number][] = [
      [{ Key: 'x'.repeat(1025) }, 'InvalidObjectName', 400],
      [{ Metadata: { big: 'x'.repeat(8200) } }, 'MetadataTooLarge', 400],
      [{ ContentMD5: wrongMd5 }, 'BadDigest', 400],
      [{ ContentMD5: 'not base64' }, 'InvalidDigest', 400],
      [{ ChecksumSHA256: createHash('sha256').update('other').digest('base64') }, 'BadDigest', 400],
      [{ StorageClass: 'GLACIER' }, 'InvalidStorageClass', 400],
      [{ GrantRead: 'id="x"' }, 'NotImplemented', 501],
      [{ Bucket: 'Not_A_Bucket' }, 'NoSuchBucket', 404]
    ]

    for (const [extra, code, status] of cases) {
      t.deepEqual(
        await refusal(t, put(extra)),
        { name: code, status },
        JSON.stringify(extra).slice(0, 80)
      )
    }
    for (const name of ['Upper-Case', 'ab', '-lead', 'under_score', 'x'.repeat(64)]) {
      const made = await refusal(t, s3.send(new CreateBucketCommand({ Bucket: name })))
      t.deepEqual(made, { name: 'InvalidBucketName', status: 400 }, name)
    }
    t.is((await s3.send(new ListObjectsV2Command({ Bucket }))).KeyCount, 0)
  })

  test(`${name}: credentials that are not right are refused`, async t => {
    const right = open()
    const Bucket = await makeBucket(client())
    const list = (endpoint: S3Endpoint, systemClockOffset = 0) => {
      const s3 = clientOf(endpoint)
      s3.config.systemClockOffset = systemClockOffset
      return s3.send(new ListObjectsV2Command({ Bucket }))
    }

    t.deepEqual(await refusal(t, list({ ...right, secretAccessKey: 'f'.repeat(64) })), {
      name: 'SignatureDoesNotMatch',
      status: 403
    })
    t.deepEqual(await refusal(t, list({ ...right, accessKeyId: 'f'.repeat(32) })), {
      name: 'Unauthorized',
      status: 401
    })
    t.is((await refusal(t, list(right, 20 * 60_000))).name, 'RequestTimeTooSkewed')
    t.is((await fetch(`${right.endpoint}/${Bucket}`)).status, 400)
  })
}
