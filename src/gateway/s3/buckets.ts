/**
 * ListBuckets, CreateBucket, HeadBucket, DeleteBucket.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html
 * https://developers.cloudflare.com/r2/api/s3/extensions/#listbuckets
 */

import { R2dError, type ErrorCode } from '../../errors.ts'
import { pageCountMax } from '../../limits.ts'
import { readBody } from '../body/verified-body.ts'
import { readStorageClass } from '../headers/object-headers.ts'
import type { Query } from '../connection/target.ts'
import {
  isIgnored,
  readMaxKeys,
  refuseQuery,
  xmlResponse,
  type S3Request,
  type S3Response
} from './operation.ts'
import { owner } from './owner.ts'
import { S3Error } from './s3-error.ts'
import { refusal, screen } from './screening.ts'
import { elementsOf, parseDocument } from './xml.ts'

const bodySizeMax = 64 * 1024

/** R2's names for its one region: a bucket may ask for it, and gets the default. */
const regionAliases = new Set(['', 'auto', 'us-east-1'])

/** R2's paging; S3's own parameters, which R2 refuses, say the same. */
export async function listBuckets(request: S3Request): Promise<S3Response> {
  const { store, query, headers, compat } = request
  const names = ['prefix', 'start-after', 'continuation-token', 'max-keys']
  const more = compat === 'r2' ? ['max-buckets', 'bucket-region'] : []
  refuseQuery(query, 'ListBuckets', [...names, ...more])
  const option = (name: string): string | undefined => {
    const header = headers[`cf-${name}`]
    return typeof header === 'string' ? header : query.get(name)
  }
  const token = option('continuation-token')
  const { buckets, isTruncated } = await store.listBuckets({
    prefix: option('prefix') ?? '',
    startAfter: token ?? option('start-after') ?? '',
    limit: readMaxKeys(option('max-keys') ?? query.get('max-buckets'), pageCountMax).limit
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
      owner,
      ['ContinuationToken', isTruncated ? last : undefined]
    ],
    paging
  )
}

export async function createBucket(request: S3Request): Promise<S3Response> {
  const { store, bucket, query, headers, compat } = request
  refuseParameters(query, 'PUT')
  screen(request, 'CreateBucket')
  const lock = headers['x-amz-bucket-object-lock-enabled'] ?? 'false'
  if (lock !== 'false') throw refusal(headers, 'x-amz-bucket-object-lock-enabled')
  const acl = headers['x-amz-acl'] ?? 'private'
  if (acl !== 'private' || (compat === 'strict-r2' && headers['x-amz-acl'] !== undefined)) {
    throw refusal(headers, 'x-amz-acl')
  }

  const location = await readLocation(request)
  const storageClass = readStorageClass(headers)
  await store.createBucket(bucket, {
    ...(location === undefined ? {} : { location }),
    ...(storageClass === undefined ? {} : { storageClass })
  })
  return { status: 200, headers: { location: `/${bucket}` } }
}

function refuseParameters(query: Query, method: 'PUT' | 'DELETE'): void {
  const unsupported = [...query.keys()].filter(name => !isIgnored(name))
  if (unsupported.length === 0) return

  const names = unsupported.map(name => `"${name}"`).join(', ')
  throw new S3Error(
    'InvalidArgument',
    `Unsupported search param(s) ${names} on a ${method} bucket route`
  )
}

export async function headBucket(request: S3Request): Promise<S3Response> {
  const { store, bucket } = request
  screen(request, 'Read')
  await store.headBucket(bucket)

  return { status: 200, headers: { 'x-amz-bucket-region': 'auto' } }
}

export async function deleteBucket({ store, bucket, query }: S3Request): Promise<S3Response> {
  refuseParameters(query, 'DELETE')
  await store.deleteBucket(bucket)

  return { status: 204 }
}

/** R2's `cf-create-bucket-if-missing: true`, on what is written to. */
export async function createBucketIfMissing({ store, bucket, headers }: S3Request): Promise<void> {
  if (headers['cf-create-bucket-if-missing'] !== 'true') return

  try {
    await store.headBucket(bucket)
  } catch (error) {
    if (!hasCode(error, 'R2D_NO_SUCH_BUCKET')) throw error
    await store.createBucket(bucket, {}).catch((refused: unknown) => {
      // Somebody else was faster: it is there.
      if (!hasCode(refused, 'R2D_BUCKET_EXISTS')) throw refused
    })
  }
}

function hasCode(error: unknown, code: ErrorCode): boolean {
  return error instanceof R2dError && error.code === code
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
