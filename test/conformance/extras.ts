// What R2 does not have and S3 clients ask for: tags, ACLs, conditional deletes, an expected owner, chunks without a length.

import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  DeleteObjectTaggingCommand,
  DeleteObjectsCommand,
  GetBucketAclCommand,
  GetObjectAclCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  ListObjectsV2Command,
  PutBucketAclCommand,
  PutObjectAclCommand,
  PutObjectCommand,
  PutObjectTaggingCommand,
  UploadPartCommand,
  paginateListBuckets
} from '@aws-sdk/client-s3'
import type { TestFn } from 'ava'
import { bodyOf, clientOf, makeBucket, refusal, type S3Endpoint } from './s3.ts'
import { signedSend } from './signed-send.ts'

const owner = { ID: 'r2d', DisplayName: 'r2d' }

function tagging(...tags: [string, string][]) {
  return { Tagging: { TagSet: tags.map(([Key, Value]) => ({ Key, Value })) } }
}

export function extraSuite(test: TestFn, suite: string, open: () => S3Endpoint): void {
  test(`${suite}: tags are put, read and taken away, and the object stays the version that it is`, async t => {
    const s3 = clientOf(open())
    const Bucket = await makeBucket(s3)
    const at = { Bucket, Key: 'k' }
    const tagsOf = async () => (await s3.send(new GetObjectTaggingCommand(at))).TagSet
    const Tagging = 'first=1&sp%20ace=a%2Bb&empty='
    const { VersionId } = await s3.send(new PutObjectCommand({ ...at, Body: 'x', Tagging }))

    t.deepEqual(await tagsOf(), [
      { Key: 'first', Value: '1' },
      { Key: 'sp ace', Value: 'a+b' },
      { Key: 'empty', Value: '' }
    ])
    t.is((await s3.send(new GetObjectCommand(at))).TagCount, 3)
    const set = tagging(['größe', 'XL'], ['x', 'y'])
    t.is((await s3.send(new PutObjectTaggingCommand({ ...at, ...set }))).VersionId, VersionId)
    t.deepEqual(await tagsOf(), set.Tagging.TagSet)
    t.is((await bodyOf(await s3.send(new GetObjectCommand(at)))).toString(), 'x')
    await s3.send(new DeleteObjectTaggingCommand(at))
    t.deepEqual(await tagsOf(), [])
    t.is((await s3.send(new GetObjectCommand(at))).TagCount, undefined)

    await s3.send(new PutObjectTaggingCommand({ ...at, ...set }))
    await s3.send(new PutObjectCommand({ ...at, Body: 'y' }))
    t.deepEqual(await tagsOf(), [])
  })

  test(`${suite}: an upload in parts has the tags that it was begun with`, async t => {
    const s3 = clientOf(open())
    const Bucket = await makeBucket(s3)
    const at = { Bucket, Key: 'k' }
    const Tagging = 'a=1'
    const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ ...at, Tagging }))
    const { ETag } = await s3.send(
      new UploadPartCommand({ ...at, UploadId, PartNumber: 1, Body: 'part' })
    )
    const MultipartUpload = { Parts: [{ PartNumber: 1, ETag }] }
    await s3.send(new CompleteMultipartUploadCommand({ ...at, UploadId, MultipartUpload }))

    const { TagSet } = await s3.send(new GetObjectTaggingCommand(at))
    t.deepEqual(TagSet, [{ Key: 'a', Value: '1' }])
  })

  test(`${suite}: tags beyond S3's limits are refused, and the old ones stay`, async t => {
    const s3 = clientOf(open())
    const Bucket = await makeBucket(s3)
    const at = { Bucket, Key: 'k' }
    await s3.send(new PutObjectCommand({ ...at, Body: 'x', Tagging: 'old=1' }))
    const put = (...tags: [string, string][]) => {
      return refusal(t, s3.send(new PutObjectTaggingCommand({ ...at, ...tagging(...tags) })))
    }
    const many = Array.from({ length: 11 }, (_, n): [string, string] => [`t${n}`, ''])

    t.deepEqual(await put(...many), { name: 'BadRequest', status: 400 })
    t.deepEqual(await put(['', 'x']), { name: 'InvalidTag', status: 400 })
    t.deepEqual(await put(['k'.repeat(129), 'x']), { name: 'InvalidTag', status: 400 })
    t.deepEqual(await put(['k', 'v'.repeat(257)]), { name: 'InvalidTag', status: 400 })
    t.deepEqual(await put(['k', 'a<b']), { name: 'InvalidTag', status: 400 })
    t.deepEqual(await put(['same', '1'], ['same', '2']), { name: 'InvalidTag', status: 400 })
    const largest = many
      .slice(1)
      .map((_, n): [string, string] => [`${n}`.padEnd(128, 'k'), 'v'.repeat(256)])
    await s3.send(new PutObjectTaggingCommand({ Bucket, Key: 'k', ...tagging(...largest) }))
    for (const Tagging of ['a=1&a=2', `${'k'.repeat(129)}=`, '%zz=1']) {
      const path = `/${Bucket}/new`
      const headers = { 'x-amz-tagging': Tagging }
      t.is((await signedSend(open(), { method: 'PUT', path, headers, body: 'x' })).status, 400)
    }
    for (const body of [
      '',
      '<Tagging/>',
      '<Tagging><TagSet><Tag><Key>a</Key></Tag></TagSet></Tagging>'
    ]) {
      const answer = await signedSend(open(), { method: 'PUT', path: `/${Bucket}/k?tagging`, body })
      t.deepEqual([answer.status, answer.code], [400, 'MalformedXML'], body)
    }
    const { TagSet = [] } = await s3.send(new GetObjectTaggingCommand(at))
    t.is(TagSet.length, 10)
    const missing = new GetObjectTaggingCommand({ Bucket, Key: 'new' })
    t.is((await refusal(t, s3.send(missing))).name, 'NoSuchKey')
    const onMissing = new PutObjectTaggingCommand({ Bucket, Key: 'new', ...tagging(['a', 'b']) })
    t.is((await refusal(t, s3.send(onMissing))).name, 'NoSuchKey')
  })

  test(`${suite}: an ACL says that the owner has full control, and cannot say more`, async t => {
    const s3 = clientOf(open())
    const Bucket = await makeBucket(s3)
    const at = { Bucket, Key: 'k' }
    await s3.send(new PutObjectCommand({ ...at, Body: 'x', ACL: 'public-read' }))

    for (const { Owner, Grants } of [
      await s3.send(new GetObjectAclCommand(at)),
      await s3.send(new GetBucketAclCommand({ Bucket }))
    ]) {
      t.deepEqual(Owner, owner)
      const Grantee = { ...owner, Type: 'CanonicalUser' as const }
      t.deepEqual(Grants, [{ Grantee, Permission: 'FULL_CONTROL' }])
      const AccessControlPolicy = { Owner, Grants }
      await s3.send(new PutObjectAclCommand({ ...at, AccessControlPolicy }))
    }
    await s3.send(new PutObjectAclCommand({ ...at, ACL: 'private' }))
    await s3.send(new PutBucketAclCommand({ Bucket, ACL: 'private' }))
    const open_ = new PutObjectAclCommand({ ...at, ACL: 'public-read' })
    t.deepEqual(await refusal(t, s3.send(open_)), { name: 'NotImplemented', status: 501 })
    const Grants = [
      { Grantee: { ID: 'somebody', Type: 'CanonicalUser' as const }, Permission: 'READ' as const }
    ]
    const shared = new PutBucketAclCommand({
      Bucket,
      AccessControlPolicy: { Owner: owner, Grants }
    })
    t.is((await refusal(t, s3.send(shared))).status, 501)
    const missing = new GetObjectAclCommand({ Bucket, Key: 'missing' })
    t.is((await refusal(t, s3.send(missing))).name, 'NoSuchKey')
  })

  test(`${suite}: a delete with a condition leaves what is something else by now`, async t => {
    const s3 = clientOf(open())
    const Bucket = await makeBucket(s3)
    const at = { Bucket, Key: 'k' }
    const { ETag } = await s3.send(new PutObjectCommand({ ...at, Body: 'four' }))
    const { LastModified } = await s3.send(new HeadObjectCommand(at))
    const remove = (extra: object) => s3.send(new DeleteObjectCommand({ ...at, ...extra }))
    const put = () => s3.send(new PutObjectCommand({ ...at, Body: 'four' }))

    const failed = { name: 'PreconditionFailed', status: 412 }
    t.deepEqual(await refusal(t, remove({ IfMatch: '"0123"' })), failed)
    t.deepEqual(await refusal(t, remove({ IfMatch: ETag, IfMatchSize: 5 })), failed)
    t.deepEqual(await refusal(t, remove({ IfMatchLastModifiedTime: new Date(0) })), failed)
    const path = `/${Bucket}/k`
    const headers = { 'x-amz-if-match-size': 'four' }
    t.is((await signedSend(open(), { method: 'DELETE', path, headers })).status, 400)
    await s3.send(new HeadObjectCommand(at))
    await remove({ IfMatch: ETag, IfMatchSize: 4, IfMatchLastModifiedTime: LastModified })
    t.is((await refusal(t, s3.send(new HeadObjectCommand(at)))).status, 404)
    t.deepEqual(await refusal(t, remove({ IfMatch: '*' })), failed)
    await put()
    await remove({ IfMatch: '*' })

    await put()
    await s3.send(new PutObjectCommand({ Bucket, Key: 'other', Body: 'x' }))
    const { Deleted, Errors } = await s3.send(
      new DeleteObjectsCommand({
        Bucket,
        Delete: {
          Objects: [{ Key: 'k', ETag: '"0123"' }, { Key: 'other' }, { Key: 'k', Size: 5 }]
        }
      })
    )
    t.deepEqual(
      Deleted?.map(({ Key }) => Key),
      ['other']
    )
    t.deepEqual(
      Errors?.map(({ Key, Code }) => [Key, Code]),
      [
        ['k', 'PreconditionFailed'],
        ['k', 'PreconditionFailed']
      ]
    )
    const left = await s3.send(new ListObjectsV2Command({ Bucket }))
    t.deepEqual(
      left.Contents?.map(({ Key }) => Key),
      ['k']
    )
  })

  test(`${suite}: the owner who is expected is let in, and nobody else`, async t => {
    const s3 = clientOf(open())
    const Bucket = await makeBucket(s3)
    const put = (ExpectedBucketOwner: string) => {
      return s3.send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'x', ExpectedBucketOwner }))
    }
    const { Owner } = await s3.send(new ListBucketsCommand({}))

    t.deepEqual(await refusal(t, put('123456789012')), { name: 'AccessDenied', status: 403 })
    await put(String(Owner?.ID))
    const list = new ListObjectsV2Command({ Bucket, ExpectedBucketOwner: 'somebody' })
    t.is((await refusal(t, s3.send(list))).status, 403)
  })

  test(`${suite}: a body in chunks of the transfer needs no length`, async t => {
    const s3 = clientOf(open())
    const Bucket = await makeBucket(s3)

    const answer = await signedSend(open(), {
      method: 'PUT',
      path: `/${Bucket}/k`,
      headers: { 'transfer-encoding': 'chunked' },
      body: 'as long as it is'
    })
    t.is(answer.status, 200, answer.text)
    const got = await s3.send(new GetObjectCommand({ Bucket, Key: 'k' }))
    t.is((await bodyOf(got)).toString(), 'as long as it is')
  })

  test(`${suite}: parts need not be even`, async t => {
    const s3 = clientOf(open())
    const Bucket = await makeBucket(s3)
    const at = { Bucket, Key: 'k' }
    const { UploadId } = await s3.send(new CreateMultipartUploadCommand(at))
    const Parts = []
    for (const [index, size] of [5_242_880, 5_242_881, 7].entries()) {
      const PartNumber = index + 1
      const Body = Buffer.alloc(size, PartNumber)
      const part = await s3.send(new UploadPartCommand({ ...at, UploadId, PartNumber, Body }))
      Parts.push({ PartNumber, ETag: part.ETag })
    }

    const MultipartUpload = { Parts }
    await s3.send(new CompleteMultipartUploadCommand({ ...at, UploadId, MultipartUpload }))
    t.is((await s3.send(new HeadObjectCommand(at))).ContentLength, 10_485_768)
  })

  test(`${suite}: buckets are listed by S3's own pages, too`, async t => {
    const s3 = clientOf(open())
    const made = [await makeBucket(s3), await makeBucket(s3), await makeBucket(s3)]
    const Prefix = `bucket-${process.pid}-`

    const found: string[] = []
    for await (const page of paginateListBuckets({ client: s3, pageSize: 1 }, { Prefix })) {
      t.true((page.Buckets ?? []).length <= 1)
      found.push(...(page.Buckets ?? []).map(({ Name }) => Name ?? ''))
    }
    for (const name of made) t.true(found.includes(name))
    t.deepEqual(found, [...found].sort())
  })
}
