/**
 * ListBuckets, CreateBucket, HeadBucket, DeleteBucket, and what R2 answers to questions about a bucket.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html
 * https://developers.cloudflare.com/r2/api/s3/extensions/#listbuckets
 */

import { pageCountMax } from '../../limits.ts'
import { readBody } from '../body.ts'
import { readStorageClass } from '../object-headers.ts'
import { owner } from './list-objects.ts'
import {
  readMaxKeys,
  refuseHeaders,
  refuseQuery,
  screenRead,
  xmlResponse,
  type S3Request,
  type S3Response
} from './operation.ts'
import { S3Error } from './s3-error.ts'
import { elementsOf, parseDocument } from './xml.ts'

const bodySizeMax = 64 * 1024

/** R2's names for its one region: a bucket may ask for it, and gets the default. */
const regionAliases = new Set(['', 'auto', 'us-east-1'])

export async function listBuckets({ store, query, headers }: S3Request): Promise<S3Response> {
  refuseQuery(query, 'ListBuckets', ['prefix', 'start-after', 'continuation-token', 'max-keys'])
  const option = (name: string): string | undefined => {
    const header = headers[`cf-${name}`]
    return typeof header === 'string' ? header : query.get(name)
  }
  const token = option('continuation-token')
  const { buckets, isTruncated } = await store.listBuckets({
    prefix: option('prefix') ?? '',
    startAfter: token ?? option('start-after') ?? '',
    limit: readMaxKeys(option('max-keys'), pageCountMax).limit
  })

  const last = buckets.at(-1)?.name
  const paging =
    isTruncated && last !== undefined
      ? { 'cf-is-truncated': 'true', 'cf-next-continuation-token': last }
      : {}
  return xmlResponse(
    'ListAllMyBucketsResult',
    [
      [
        'Buckets',
        buckets.map(({ name, created }) => [
          'Bucket',
          [
            ['Name', name],
            ['CreationDate', new Date(created).toISOString()]
          ]
        ])
      ],
      owner
    ],
    paging
  )
}

export async function createBucket(request: S3Request): Promise<S3Response> {
  const { store, bucket, query, headers } = request
  const unsupported = [...query.keys()].filter(name => !/^x-/i.test(name))
  if (unsupported.length > 0) {
    const names = unsupported.map(name => `"${name}"`).join(', ')
    throw new S3Error(
      'InvalidArgument',
      `Unsupported search param(s) ${names} on a PUT bucket route`
    )
  }
  refuseHeaders(headers, ['x-amz-object-ownership'])
  if (headers['x-amz-bucket-object-lock-enabled'] !== 'false') {
    refuseHeaders(headers, ['x-amz-bucket-object-lock-enabled'])
  }

  const location = await readLocation(request)
  const storageClass = readStorageClass(headers)
  await store.createBucket(bucket, {
    ...(location === undefined ? {} : { location }),
    ...(storageClass === undefined ? {} : { storageClass })
  })
  return { status: 200, headers: { location: `/${bucket}` } }
}

export async function headBucket({ store, bucket, headers }: S3Request): Promise<S3Response> {
  screenRead(headers)
  await store.headBucket(bucket)

  return { status: 200, headers: { 'x-amz-bucket-region': 'auto' } }
}

export async function deleteBucket({ store, bucket }: S3Request): Promise<S3Response> {
  await store.deleteBucket(bucket)

  return { status: 204 }
}

export async function getBucketLocation({ store, bucket }: S3Request): Promise<S3Response> {
  const { location } = await store.headBucket(bucket)

  return xmlResponse('LocationConstraint', location.toUpperCase())
}

export async function getBucketVersioning({ store, bucket }: S3Request): Promise<S3Response> {
  await store.headBucket(bucket)

  return xmlResponse('VersioningConfiguration', [])
}

/** Always on, with a key of the bucket's own: the truthful answer is a constant. */
export async function getBucketEncryption({ store, bucket }: S3Request): Promise<S3Response> {
  await store.headBucket(bucket)

  return xmlResponse('ServerSideEncryptionConfiguration', [
    [
      'Rule',
      [
        ['ApplyServerSideEncryptionByDefault', [['SSEAlgorithm', 'AES256']]],
        ['BucketKeyEnabled', true]
      ]
    ]
  ])
}

/** What a bucket never has, as S3 says that it has none. */
export function absent(
  code:
    | 'NoSuchTagSet'
    | 'ObjectLockConfigurationNotFoundError'
    | 'ReplicationConfigurationNotFoundError'
) {
  return async ({ store, bucket }: S3Request): Promise<S3Response> => {
    await store.headBucket(bucket)
    throw new S3Error(code)
  }
}

/** The location that CreateBucketConfiguration asks for, in lower case; undefined for the default. */
async function readLocation(request: S3Request): Promise<string | undefined> {
  const { headers } = request
  const hasBody = headers['content-length'] !== '0' && headers['content-length'] !== undefined
  if (!hasBody && headers['transfer-encoding'] === undefined) return undefined

  const body = request.body()
  const bytes = await readBody(body, bodySizeMax)
  if (bytes.length === 0) return undefined

  const [constraint = '', ...others] = elementsOf(
    parseDocument(bytes, 'CreateBucketConfiguration'),
    'LocationConstraint'
  )
  if (typeof constraint !== 'string' || others.length > 0) throw new S3Error('MalformedXML')
  const name = constraint.trim().toLowerCase()
  return regionAliases.has(name) ? undefined : name
}
