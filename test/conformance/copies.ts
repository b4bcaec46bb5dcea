// CopyObject: directives, conditions on both sides, and what a copy takes along.

import {
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  GetObjectTaggingCommand,
  HeadObjectCommand,
  PutObjectCommand,
  UploadPartCopyCommand,
  type S3Client
} from '@aws-sdk/client-s3'
import type { TestFn } from 'ava'
import { clientOf, makeBucket, type S3Endpoint } from './s3.ts'
import { signedSend } from './signed-send.ts'

const directives = [
  ['COPY', { one: '1', two: '2' }, 'text/one', 'max-age=1'],
  ['REPLACE', { two: 'new', three: '3' }, 'text/two', undefined],
  ['MERGE', { one: '1', two: 'new', three: '3' }, 'text/two', 'max-age=1']
] as const

const past = 'Sat, 01 Jan 2000 00:00:00 GMT'
const future = 'Fri, 01 Jan 2100 00:00:00 GMT'

/** On the source and the target as they are: whether the copy is made. `S`, `T`: their ETags. */
const conditions: [Record<string, string>, boolean][] = [
  [{ 'x-amz-copy-source-if-match': 'S', 'cf-copy-destination-if-match': 'T' }, true],
  [{ 'x-amz-copy-source-if-match': 'T' }, false],
  [{ 'x-amz-copy-source-if-none-match': 'S' }, false],
  [{ 'x-amz-copy-source-if-none-match': 'T' }, true],
  [{ 'x-amz-copy-source-if-modified-since': future }, false],
  [{ 'x-amz-copy-source-if-unmodified-since': past }, false],
  [{ 'x-amz-copy-source-if-match': 'S', 'x-amz-copy-source-if-unmodified-since': past }, true],
  [{ 'cf-copy-destination-if-match': 'S' }, false],
  [{ 'cf-copy-destination-if-none-match': '*' }, false],
  [{ 'cf-copy-destination-if-none-match': 'S' }, true],
  [{ 'cf-copy-destination-if-modified-since': past }, true],
  [{ 'cf-copy-destination-if-modified-since': future }, false],
  [{ 'cf-copy-destination-if-unmodified-since': past }, false],
  [{ 'cf-copy-destination-if-unmodified-since': future }, true],
  [{ 'if-none-match': '*' }, false]
]

/** 6,400 MiB of one byte, made of 16 MiB by copies of copies. */
async function makeHuge(s3: S3Client, Bucket: string): Promise<void> {
  const Body = Buffer.alloc(16 * 1024 * 1024, 'x')
  await s3.send(new PutObjectCommand({ Bucket, Key: 'base', Body }))
  for (const [from, Key] of [
    ['base', 'large'],
    ['large', 'huge']
  ] as const) {
    const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ Bucket, Key }))
    const Parts = []
    for (let PartNumber = 1; PartNumber <= 20; PartNumber++) {
      const CopySource = `${Bucket}/${from}`
      const at = { Bucket, Key, UploadId, PartNumber, CopySource }
      const { CopyPartResult } = await s3.send(new UploadPartCopyCommand(at))
      Parts.push({ PartNumber, ETag: CopyPartResult?.ETag })
    }
    const MultipartUpload = { Parts }
    await s3.send(new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload }))
  }
}

/** Whether an object of more than 5 GiB can be copied is the one difference in copies that strictness makes. */
export function hugeCopySuite(
  test: TestFn,
  suite: string,
  open: () => S3Endpoint,
  { isCopied }: { isCopied: boolean }
): void {
  test(`${suite}: an object of more than 5 GiB is ${isCopied ? '' : 'not '}copied in one request`, async t => {
    const s3 = clientOf(open())
    const Bucket = await makeBucket(s3)
    await makeHuge(s3, Bucket)

    const copied = await signedSend(open(), {
      method: 'PUT',
      path: `/${Bucket}/copy`,
      headers: { 'x-amz-copy-source': `${Bucket}/huge` }
    })
    if (isCopied) {
      t.is(copied.status, 200, copied.text)
      const head = await s3.send(new HeadObjectCommand({ Bucket, Key: 'copy' }))
      t.is(head.ContentLength, 6400 * 1024 * 1024)
      return
    }
    t.deepEqual(
      [copied.status, copied.code, copied.message],
      [
        400,
        'InvalidRequest',
        'The specified copy source is larger than the maximum allowable size for a copy source: 5368709120'
      ]
    )
  })
}

export function copySuite(test: TestFn, suite: string, open: () => S3Endpoint): void {
  for (const [directive, metadata, type, cacheControl] of directives) {
    for (const target of ['another key', 'itself']) {
      test(`${suite}: a copy with ${directive} onto ${target} has the metadata it asks for`, async t => {
        const s3 = clientOf(open())
        const Bucket = await makeBucket(s3)
        const put = await s3.send(
          new PutObjectCommand({
            Bucket,
            Key: 'source',
            Body: 'content',
            ContentType: 'text/one',
            CacheControl: 'max-age=1',
            Metadata: { one: '1', two: '2' }
          })
        )

        const Key = target === 'itself' ? 'source' : 'target'
        const copied = await signedSend(open(), {
          method: 'PUT',
          path: `/${Bucket}/${Key}`,
          headers: {
            'x-amz-copy-source': `/${Bucket}/source`,
            'x-amz-metadata-directive': directive,
            'x-amz-storage-class': 'STANDARD_IA',
            'content-type': 'text/two',
            'x-amz-meta-two': 'new',
            'x-amz-meta-three': '3'
          }
        })
        t.is(copied.status, 200, copied.text)
        t.is(copied.headers['x-amz-copy-source-version-id'], put.VersionId)

        const head = await s3.send(new HeadObjectCommand({ Bucket, Key }))
        t.deepEqual(head.Metadata, metadata)
        t.is(head.ContentType, type)
        t.is(head.CacheControl, cacheControl)
        t.is(head.StorageClass, 'STANDARD_IA')
        t.is(head.ETag, put.ETag)
        t.not(copied.headers['x-amz-version-id'], put.VersionId)
      })
    }
  }

  test(`${suite}: a copy is made where the conditions on both sides hold`, async t => {
    const s3 = clientOf(open())
    const Bucket = await makeBucket(s3)
    for (const [index, [written, isMade]] of conditions.entries()) {
      const [source, target] = [`source-${index}`, `target-${index}`]
      const { ETag: S = '' } = await s3.send(
        new PutObjectCommand({ Bucket, Key: source, Body: 'source' })
      )
      const { ETag: T = '' } = await s3.send(
        new PutObjectCommand({ Bucket, Key: target, Body: 'target' })
      )
      const headers = Object.fromEntries(
        Object.entries(written).map(([name, value]) => [
          name,
          value === 'S' ? S : value === 'T' ? T : value
        ])
      )

      const answer = await signedSend(open(), {
        method: 'PUT',
        path: `/${Bucket}/${target}`,
        headers: { 'x-amz-copy-source': `${Bucket}/${source}`, ...headers }
      })
      t.is(answer.status, isMade ? 200 : 412, JSON.stringify(written))
      const { ETag } = await s3.send(new HeadObjectCommand({ Bucket, Key: target }))
      t.is(ETag, isMade ? S : T)
    }
  })

  test(`${suite}: a copy that cannot be is refused in R2's words`, async t => {
    const s3 = clientOf(open())
    const Bucket = await makeBucket(s3)
    await s3.send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'x' }))
    const copy = (source: string, headers: Record<string, string> = {}) => {
      return signedSend(open(), {
        method: 'PUT',
        path: `/${Bucket}/copy`,
        headers: { 'x-amz-copy-source': source, ...headers }
      })
    }

    const named = [400, 'InvalidArgument', 'copy source bucket name']
    for (const source of ['', '/', Bucket, `${Bucket}/`, '//k', '%E0%A4%A']) {
      const answer = await copy(source)
      t.deepEqual([answer.status, answer.code, answer.message], named, source)
    }
    const replace = await copy(`${Bucket}/k`, { 'x-amz-metadata-directive': 'replace' })
    t.deepEqual([replace.code, replace.message], ['InvalidArgument', 'metadata directive replace.'])
    t.is((await copy(`${Bucket}/missing`)).code, 'NoSuchKey')
    t.is((await copy('no-such-bucket-at-all/k')).code, 'NoSuchBucket')
    const big = { 'x-amz-metadata-directive': 'MERGE', 'x-amz-meta-big': 'x'.repeat(8200) }
    t.is((await copy(`${Bucket}/k`, big)).code, 'MetadataTooLarge')
    t.is((await signedSend(open(), { method: 'HEAD', path: `/${Bucket}/copy` })).status, 404)
  })

  test(`${suite}: tags go with a copy, unless it is given others`, async t => {
    const s3 = clientOf(open())
    const Bucket = await makeBucket(s3)
    await s3.send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'x', Tagging: 'a=1&b=2' }))
    const CopySource = `${Bucket}/k`
    const tagsOf = async (Key: string) => {
      return (await s3.send(new GetObjectTaggingCommand({ Bucket, Key }))).TagSet
    }

    await s3.send(new CopyObjectCommand({ Bucket, Key: 'kept', CopySource, Tagging: 'ignored=1' }))
    t.deepEqual(await tagsOf('kept'), [
      { Key: 'a', Value: '1' },
      { Key: 'b', Value: '2' }
    ])
    const TaggingDirective = 'REPLACE'
    const replaced = {
      Bucket,
      Key: 'replaced',
      CopySource,
      TaggingDirective,
      Tagging: 'c=3'
    } as const
    await s3.send(new CopyObjectCommand(replaced))
    t.deepEqual(await tagsOf('replaced'), [{ Key: 'c', Value: '3' }])
    await s3.send(new CopyObjectCommand({ Bucket, Key: 'none', CopySource, TaggingDirective }))
    t.deepEqual(await tagsOf('none'), [])
  })
}
