// Multipart uploads, asked with the SDK that people use. Only S3 is spoken here.

import { createHash, randomBytes } from 'node:crypto'
import type { Readable } from 'node:stream'
import { crc32 } from 'node:zlib'
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteBucketCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  ListPartsCommand,
  PutObjectCommand,
  UploadPartCommand,
  UploadPartCopyCommand,
  type S3Client
} from '@aws-sdk/client-s3'
import type { ExecutionContext, TestFn } from 'ava'
import { clientOf, makeBucket, type S3Endpoint } from './s3.ts'
import { signedSend } from './signed-send.ts'

const MiB = 1024 * 1024
const partSize = 5 * MiB

async function read(s3: S3Client, Bucket: string, Key: string, Range?: string): Promise<Buffer> {
  const { Body } = await s3.send(
    new GetObjectCommand({ Bucket, Key, ...(Range === undefined ? {} : { Range }) })
  )
  const pieces: Buffer[] = []
  for await (const piece of Body as Readable) pieces.push(piece as Buffer)
  return Buffer.concat(pieces)
}

interface Upload {
  Bucket: string
  Key: string
  UploadId: string
}

async function begin(
  s3: S3Client,
  Bucket: string,
  Key: string,
  more: object = {}
): Promise<Upload> {
  const { UploadId = '' } = await s3.send(
    new CreateMultipartUploadCommand({ Bucket, Key, ...more })
  )
  return { Bucket, Key, UploadId }
}

async function put(
  s3: S3Client,
  upload: Upload,
  PartNumber: number,
  Body: Buffer
): Promise<{ PartNumber: number; ETag: string }> {
  const { ETag = '' } = await s3.send(new UploadPartCommand({ ...upload, PartNumber, Body }))
  return { PartNumber, ETag }
}

function complete(s3: S3Client, upload: Upload, Parts: object[], more: object = {}) {
  return s3.send(
    new CompleteMultipartUploadCommand({ ...upload, MultipartUpload: { Parts }, ...more })
  )
}

async function refusal(t: ExecutionContext, promise: Promise<unknown>): Promise<string> {
  const error = await t.throwsAsync<Error & { $metadata?: { httpStatusCode?: number } }>(promise)
  return `${error.$metadata?.httpStatusCode ?? 0} ${error.name}`
}

const md5 = (content: Buffer): Buffer => createHash('md5').update(content).digest()

export function multipartSuite(test: TestFn, name: string, open: () => S3Endpoint): void {
  const client = (): S3Client => clientOf(open())

  test(`${name}: parts sent in any order become one object with the ETag that R2 gives`, async t => {
    const s3 = client()
    const Bucket = await makeBucket(s3)
    const upload = await begin(s3, Bucket, 'big', {
      ContentType: 'text/plain',
      Metadata: { colour: 'blue' }
    })
    const content = randomBytes(2 * partSize + 12_345)
    const parts = [content.subarray(0, partSize), content.subarray(partSize, 2 * partSize)]
    const last = content.subarray(2 * partSize)

    const third = await put(s3, upload, 30, last)
    const second = await put(s3, upload, 20, parts[1] ?? last)
    const first = await put(s3, upload, 1, parts[0] ?? last)
    t.is(await refusal(t, read(s3, Bucket, 'big')), '404 NoSuchKey')
    const { ETag, Location } = await complete(s3, upload, [third, first, second])

    const all = Buffer.concat([...parts, last].map(md5))
    t.is(ETag, `"${md5(all).toString('hex')}-3"`)
    t.regex(Location ?? '', /\/big$/)
    t.true((await read(s3, Bucket, 'big')).equals(content))
    const range = `bytes=${partSize - 100}-${partSize + 99}`
    t.deepEqual(
      await read(s3, Bucket, 'big', range),
      content.subarray(partSize - 100, partSize + 100)
    )
    const head = await s3.send(new HeadObjectCommand({ Bucket, Key: 'big' }))
    t.is(head.ContentLength, content.length)
    t.is(head.ContentType, 'text/plain')
    t.deepEqual(head.Metadata, { colour: 'blue' })
    const list = await s3.send(new ListObjectsV2Command({ Bucket }))
    t.deepEqual(
      list.Contents?.map(each => [each.Key, each.Size, each.ETag]),
      [['big', content.length, ETag]]
    )
    t.is(await refusal(t, complete(s3, upload, [first, second, third])), '404 NoSuchUpload')
  })

  test(`${name}: of a part sent twice the last one counts, and parts that are not named are dropped`, async t => {
    const s3 = client()
    const Bucket = await makeBucket(s3)
    const upload = await begin(s3, Bucket, 'k')
    const body = randomBytes(1000)
    const old = await put(s3, upload, 1, randomBytes(partSize))
    const now = await put(s3, upload, 1, body)
    await put(s3, upload, 2, randomBytes(3))

    t.is(await refusal(t, complete(s3, upload, [old])), '400 InvalidPart')
    await complete(s3, upload, [now])

    t.true((await read(s3, Bucket, 'k')).equals(body))
  })

  test(`${name}: a list of parts that cannot be completed is refused and the upload goes on`, async t => {
    const s3 = client()
    const Bucket = await makeBucket(s3)
    const upload = await begin(s3, Bucket, 'k')
    const small = await put(s3, upload, 1, randomBytes(100))
    const other = await put(s3, upload, 2, randomBytes(100))

    t.is(await refusal(t, complete(s3, upload, [small, other])), '400 EntityTooSmall')
    t.is(await refusal(t, complete(s3, upload, [small, small])), '400 InvalidPart')
    t.is(await refusal(t, complete(s3, upload, [{ ...small, PartNumber: 3 }])), '400 InvalidPart')
    t.is(await refusal(t, complete(s3, upload, [{ ...small, PartNumber: 0 }])), '400 InvalidPart')
    t.is(await refusal(t, complete(s3, upload, [])), '400 MalformedXML')
    t.is(
      await refusal(t, put(s3, { ...upload, UploadId: 'nonsense' }, 1, randomBytes(1))),
      '404 NoSuchUpload'
    )
    t.is(
      await refusal(t, put(s3, { ...upload, Key: 'other' }, 1, randomBytes(1))),
      '404 NoSuchUpload'
    )
    t.is(await refusal(t, put(s3, upload, 10_001, randomBytes(1))), '400 InvalidArgument')
    t.is(await refusal(t, put(s3, upload, 0, randomBytes(1))), '400 InvalidArgument')
    await t.notThrowsAsync(complete(s3, upload, [other]))
  })

  test(`${name}: an aborted upload is gone with its parts, and aborting it again is no error`, async t => {
    const s3 = client()
    const Bucket = await makeBucket(s3)
    const upload = await begin(s3, Bucket, 'k')
    const part = await put(s3, upload, 1, randomBytes(300_000))

    await s3.send(new AbortMultipartUploadCommand(upload))
    await s3.send(new AbortMultipartUploadCommand(upload))

    t.is(await refusal(t, complete(s3, upload, [part])), '404 NoSuchUpload')
    t.is(await refusal(t, put(s3, upload, 2, randomBytes(1))), '404 NoSuchUpload')
    t.is(await refusal(t, s3.send(new ListPartsCommand(upload))), '404 NoSuchUpload')
    t.is(
      await refusal(t, s3.send(new AbortMultipartUploadCommand({ ...upload, UploadId: 'x' }))),
      '404 NoSuchUpload'
    )
    const { Uploads = [] } = await s3.send(new ListMultipartUploadsCommand({ Bucket }))
    t.deepEqual(Uploads, [])
  })

  test(`${name}: parts are listed in pages with their sizes and ETags`, async t => {
    const s3 = client()
    const Bucket = await makeBucket(s3)
    const upload = await begin(s3, Bucket, 'k')
    const bodies = [randomBytes(10), randomBytes(20), randomBytes(30)]
    for (const [index, body] of bodies.entries()) await put(s3, upload, 2 + index * 3, body)

    const first = await s3.send(new ListPartsCommand({ ...upload, MaxParts: 2 }))
    const second = await s3.send(
      new ListPartsCommand({ ...upload, MaxParts: 2, PartNumberMarker: first.NextPartNumberMarker })
    )

    t.is(first.IsTruncated, true)
    t.is(second.IsTruncated, false)
    t.deepEqual(
      [...(first.Parts ?? []), ...(second.Parts ?? [])].map(part => [
        part.PartNumber,
        part.Size,
        part.ETag
      ]),
      bodies.map((body, index) => [2 + index * 3, body.length, `"${md5(body).toString('hex')}"`])
    )
  })

  test(`${name}: uploads are listed by key and time, by prefix and delimiter, in pages`, async t => {
    const s3 = client()
    const Bucket = await makeBucket(s3)
    const begun: string[] = []
    for (const Key of ['a', 'a', 'a\0b', 'dir/x', 'dir/y', 'z']) {
      begun.push((await begin(s3, Bucket, Key)).UploadId)
    }

    const found: string[] = []
    let markers: object = {}
    for (;;) {
      const page = await s3.send(
        new ListMultipartUploadsCommand({ Bucket, MaxUploads: 2, EncodingType: 'url', ...markers })
      )
      found.push(...(page.Uploads ?? []).map(upload => upload.UploadId ?? ''))
      if (page.IsTruncated !== true) break
      markers = {
        KeyMarker: decodeURIComponent(page.NextKeyMarker ?? ''),
        UploadIdMarker: page.NextUploadIdMarker
      }
    }
    const folded = await s3.send(
      new ListMultipartUploadsCommand({ Bucket, Delimiter: '/', EncodingType: 'url' })
    )
    const inside = await s3.send(new ListMultipartUploadsCommand({ Bucket, Prefix: 'dir/' }))

    t.deepEqual(found, begun)
    t.deepEqual(
      folded.CommonPrefixes?.map(each => each.Prefix),
      ['dir%2F']
    )
    t.deepEqual(
      folded.Uploads?.map(each => each.Key),
      ['a', 'a', 'a%00b', 'z']
    )
    t.deepEqual(
      inside.Uploads?.map(each => each.Key),
      ['dir/x', 'dir/y']
    )
  })

  test(`${name}: a part may be a range of an object, and shares nothing with its fate`, async t => {
    const s3 = client()
    const Bucket = await makeBucket(s3)
    const content = randomBytes(partSize + 500_000)
    await s3.send(new PutObjectCommand({ Bucket, Key: 'source', Body: content }))
    const upload = await begin(s3, Bucket, 'target')
    const copy = async (PartNumber: number, CopySourceRange?: string) => {
      const { CopyPartResult } = await s3.send(
        new UploadPartCopyCommand({
          ...upload,
          PartNumber,
          CopySource: `${Bucket}/source`,
          ...(CopySourceRange === undefined ? {} : { CopySourceRange })
        })
      )
      return { PartNumber, ETag: CopyPartResult?.ETag }
    }

    const parts = [
      await copy(1, `bytes=100-${partSize + 99}`),
      await copy(2),
      await copy(3, `bytes=70000-99999999`),
      await put(s3, upload, 4, Buffer.from('end'))
    ]
    t.is(parts[1]?.ETag, `"${md5(content).toString('hex')}"`)
    t.is(await refusal(t, copy(5, 'bytes=9-3')), '400 InvalidArgument')
    t.is(await refusal(t, copy(5, 'bytes=9-')), '400 InvalidArgument')
    t.is(await refusal(t, copy(5, 'bytes=99999999-99999999')), '416 InvalidRange')
    await s3.send(new PutObjectCommand({ Bucket, Key: 'source', Body: 'gone' }))
    await complete(s3, upload, parts)

    const expected = Buffer.concat([
      content.subarray(100, partSize + 100),
      content,
      content.subarray(70_000),
      Buffer.from('end')
    ])
    t.true((await read(s3, Bucket, 'target')).equals(expected))
  })

  test(`${name}: a part is copied only from the version that its condition names`, async t => {
    const s3 = client()
    const Bucket = await makeBucket(s3)
    const put = (Body: string) => s3.send(new PutObjectCommand({ Bucket, Key: 'source', Body }))
    const { ETag } = await put('one')
    const upload = await begin(s3, Bucket, 'target')
    const copy = (extra: object) => {
      const CopySource = `${Bucket}/source`
      return s3.send(new UploadPartCopyCommand({ ...upload, PartNumber: 1, CopySource, ...extra }))
    }

    const part = await copy({ CopySourceIfMatch: ETag })
    await put('two')
    t.is(await refusal(t, copy({ CopySourceIfMatch: ETag })), '412 PreconditionFailed')
    const { ETag: IfNoneMatch } = await put('one')
    t.is(await refusal(t, copy({ CopySourceIfNoneMatch: IfNoneMatch })), '412 PreconditionFailed')
    const early = { CopySourceIfUnmodifiedSince: new Date(0) }
    t.is(await refusal(t, copy(early)), '412 PreconditionFailed')

    const parts = [{ PartNumber: 1, ETag: part.CopyPartResult?.ETag }]
    await complete(s3, upload, parts)
    t.is((await read(s3, Bucket, 'target')).toString(), 'one')
  })

  test(`${name}: a condition is decided when the upload is completed, and aborts it if it fails`, async t => {
    const s3 = client()
    const Bucket = await makeBucket(s3)
    const upload = await begin(s3, Bucket, 'k')
    const part = await put(s3, upload, 1, Buffer.from('new'))
    await s3.send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'old' }))

    t.is(
      await refusal(t, complete(s3, upload, [part], { IfNoneMatch: '*' })),
      '412 PreconditionFailed'
    )
    t.is(await refusal(t, complete(s3, upload, [part])), '404 NoSuchUpload')
    t.is((await read(s3, Bucket, 'k')).toString(), 'old')
  })

  test(`${name}: checksums of parts are kept, and that of the object is theirs or that of its content`, async t => {
    const s3 = client()
    const Bucket = await makeBucket(s3)
    const content = randomBytes(partSize + 7)
    const bodies = [content.subarray(0, partSize), content.subarray(partSize)]
    const crcOf = (bytes: Buffer): string => {
      const crc = Buffer.alloc(4)
      crc.writeUInt32BE(crc32(bytes))
      return crc.toString('base64')
    }

    const results = []
    for (const ChecksumType of ['COMPOSITE', 'FULL_OBJECT'] as const) {
      const upload = await begin(s3, Bucket, ChecksumType, {
        ChecksumAlgorithm: 'CRC32',
        ChecksumType
      })
      const parts = []
      for (const [index, Body] of bodies.entries()) {
        const PartNumber = index + 1
        const part = await s3.send(
          new UploadPartCommand({ ...upload, PartNumber, Body, ChecksumAlgorithm: 'CRC32' })
        )
        t.is(part.ChecksumCRC32, crcOf(Body))
        parts.push({ PartNumber, ETag: part.ETag, ChecksumCRC32: part.ChecksumCRC32 })
      }
      const wrong = parts.map(part => ({ ...part, ChecksumCRC32: 'AAAAAA==' }))
      t.is(await refusal(t, complete(s3, upload, wrong)), '400 InvalidPart')
      results.push(await complete(s3, upload, parts))
    }

    const composite = Buffer.concat(bodies.map(body => Buffer.from(crcOf(body), 'base64')))
    t.is(results[0]?.ChecksumCRC32, `${crcOf(composite)}-2`)
    t.is(results[0]?.ChecksumType, 'COMPOSITE')
    t.is(results[1]?.ChecksumCRC32, crcOf(content))
    t.is(results[1]?.ChecksumType, 'FULL_OBJECT')
    t.is(
      await refusal(
        t,
        begin(s3, Bucket, 'k', { ChecksumAlgorithm: 'SHA256', ChecksumType: 'FULL_OBJECT' })
      ),
      '400 InvalidRequest'
    )
  })

  test(`${name}: a part that the list describes twice over is malformed, and the upload stays`, async t => {
    const s3 = client()
    const Bucket = await makeBucket(s3)
    const upload = await begin(s3, Bucket, 'k', { ChecksumAlgorithm: 'CRC32' })
    const part = await put(s3, upload, 1, Buffer.from('content'))
    const crc = Buffer.alloc(4)
    crc.writeUInt32BE(crc32('content'))
    const right = `<ChecksumCRC32>${crc.toString('base64')}</ChecksumCRC32>`
    const finish = (checksums: string) => {
      return signedSend(open(), {
        method: 'POST',
        path: `/${Bucket}/k?uploadId=${upload.UploadId}`,
        body:
          '<CompleteMultipartUpload><Part><PartNumber>1</PartNumber>' +
          `<ETag>${part.ETag}</ETag>${checksums}</Part></CompleteMultipartUpload>`
      })
    }

    t.is((await finish(`${right}<ChecksumCRC32>AAAAAA==</ChecksumCRC32>`)).code, 'MalformedXML')
    t.is((await finish(right)).status, 200)
  })

  test(`${name}: a bucket with uploads in it and no object can be deleted`, async t => {
    const s3 = client()
    const Bucket = await makeBucket(s3)
    const upload = await begin(s3, Bucket, 'k')
    await put(s3, upload, 1, randomBytes(10))

    await s3.send(new DeleteBucketCommand({ Bucket }))

    t.is(await refusal(t, put(s3, upload, 2, randomBytes(1))), '404 NoSuchBucket')
  })

  test(`${name}: racing to complete, re-send and abort, every outcome is whole`, async t => {
    const s3 = client()
    const Bucket = await makeBucket(s3)
    for (let round = 0; round < 5; round++) {
      const upload = await begin(s3, Bucket, `race-${round}`)
      const bodies = Array.from({ length: 4 }, () => randomBytes(20_000))
      const part = await put(s3, upload, 1, bodies[0] ?? Buffer.alloc(0))

      const outcomes = await Promise.allSettled([
        complete(s3, upload, [part]),
        ...bodies.slice(1).map(body => put(s3, upload, 1, body)),
        ...(round % 2 === 0 ? [s3.send(new AbortMultipartUploadCommand(upload))] : [])
      ])

      const found = await read(s3, Bucket, `race-${round}`).catch(() => undefined)
      t.is(found !== undefined, outcomes[0].status === 'fulfilled')
      if (found !== undefined) t.true(found.equals(bodies[0] ?? Buffer.alloc(0)))
      if (round % 2 === 0) {
        const { Uploads = [] } = await s3.send(
          new ListMultipartUploadsCommand({ Bucket, Prefix: `race-${round}` })
        )
        t.deepEqual(Uploads, [])
      }
    }
  })
}
