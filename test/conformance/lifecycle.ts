// Lifecycle configurations with the SDK. That they are carried out is tested where the clock can be moved.

import {
  CopyObjectCommand,
  DeleteBucketLifecycleCommand,
  GetBucketLifecycleConfigurationCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutBucketLifecycleConfigurationCommand,
  PutObjectCommand,
  type LifecycleRule,
  type S3Client
} from '@aws-sdk/client-s3'
import type { TestFn } from 'ava'
import { clientOf, makeBucket, refusal, type S3Endpoint } from './s3.ts'

const get = async (s3: S3Client, Bucket: string): Promise<LifecycleRule[] | undefined> => {
  return (await s3.send(new GetBucketLifecycleConfigurationCommand({ Bucket }))).Rules
}
const put = (s3: S3Client, Bucket: string, Rules: LifecycleRule[]) => {
  const LifecycleConfiguration = { Rules }
  return s3.send(new PutBucketLifecycleConfigurationCommand({ Bucket, LifecycleConfiguration }))
}

const rules: LifecycleRule[] = [
  {
    ID: 'everything',
    Filter: { Prefix: 'logs/<&>' },
    Status: 'Enabled',
    Expiration: { Days: 90 },
    Transitions: [{ Days: 30, StorageClass: 'STANDARD_IA' }],
    AbortIncompleteMultipartUpload: { DaysAfterInitiation: 3 }
  },
  {
    ID: 'dated',
    Filter: { Prefix: '' },
    Status: 'Disabled',
    Expiration: { Date: new Date('2040-01-01T00:00:00Z') }
  }
]

export function lifecycleSuite(test: TestFn, name: string, open: () => S3Endpoint): void {
  test(`${name}: lifecycle rules come back as they were put; a new bucket has R2's default`, async t => {
    const s3 = clientOf(open())
    const Bucket = await makeBucket(s3)

    t.deepEqual(await get(s3, Bucket), [
      {
        ID: 'Default Multipart Abort Rule',
        Filter: { Prefix: '' },
        Status: 'Enabled',
        AbortIncompleteMultipartUpload: { DaysAfterInitiation: 7 }
      }
    ])
    await put(s3, Bucket, rules)
    t.deepEqual(await get(s3, Bucket), rules)
    const removed = await s3.send(new DeleteBucketLifecycleCommand({ Bucket }))
    t.is(removed.$metadata.httpStatusCode, 204)
    t.deepEqual(await refusal(t, get(s3, Bucket)), {
      name: 'NoSuchLifecycleConfiguration',
      status: 404
    })
  })

  test(`${name}: an answer says when its object expires, and by which rule`, async t => {
    const s3 = clientOf(open())
    const Bucket = await makeBucket(s3)
    await put(s3, Bucket, [
      { ID: 'a b', Filter: { Prefix: 'tmp/' }, Status: 'Enabled', Expiration: { Days: 1 } }
    ])
    const Key = 'tmp/k'

    const { Expiration } = await s3.send(new PutObjectCommand({ Bucket, Key, Body: 'x' }))
    const head = await s3.send(new HeadObjectCommand({ Bucket, Key }))
    const due = new Date((head.LastModified?.getTime() ?? 0) + 86_400_000).toUTCString()
    t.is(Expiration, `expiry-date="${due}", rule-id="a%20b"`)
    t.is(head.Expiration, Expiration)
    t.is((await s3.send(new GetObjectCommand({ Bucket, Key }))).Expiration, Expiration)
    const CopySource = `${Bucket}/${Key}`
    const copy = await s3.send(new CopyObjectCommand({ Bucket, Key: 'kept', CopySource }))
    t.is(copy.Expiration, undefined)
    t.is((await s3.send(new HeadObjectCommand({ Bucket, Key: 'kept' }))).Expiration, undefined)
  })

  test(`${name}: a lifecycle configuration that is refused changes nothing`, async t => {
    const s3 = clientOf(open())
    const Bucket = await makeBucket(s3)
    await put(s3, Bucket, rules)
    const rule = { Status: 'Enabled', Filter: { Prefix: '' } } as const
    const cases: [LifecycleRule, string, number][] = [
      [rule, 'InvalidRequest', 400],
      [{ ...rule, Expiration: { Days: 0 } }, 'InvalidArgument', 400],
      [
        { ...rule, Transitions: [{ Days: 1, StorageClass: 'GLACIER' }] },
        'InvalidStorageClass',
        400
      ],
      [{ ...rule, Expiration: { ExpiredObjectDeleteMarker: true } }, 'NotImplemented', 501],
      [
        { Status: 'Enabled', Filter: { Tag: { Key: 'a', Value: 'b' } }, Expiration: { Days: 1 } },
        'NotImplemented',
        501
      ]
    ]

    for (const [each, code, status] of cases) {
      t.deepEqual(
        await refusal(t, put(s3, Bucket, [each])),
        { name: code, status },
        JSON.stringify(each)
      )
    }
    t.deepEqual(await get(s3, Bucket), rules)
    t.is((await refusal(t, put(s3, 'no-such-bucket', rules))).name, 'NoSuchBucket')
  })
}
