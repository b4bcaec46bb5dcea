/**
 * What R2 answers to questions about a bucket's configuration, and the orders that change nothing.
 *
 * https://developers.cloudflare.com/r2/api/s3/api/
 */

import { readBody } from '../body/verified-body.ts'
import { isIgnored, xmlResponse, type S3Request, type S3Response } from './operation.ts'
import { notImplemented, S3Error } from './s3-error.ts'
import { screen } from './screening.ts'
import { elementsOf, isRecord, parseDocument } from './xml.ts'

const bodySizeMax = 64 * 1024

export async function getBucketLocation(request: S3Request): Promise<S3Response> {
  const { store, bucket, query } = request
  screen(request, 'Read')
  for (const name of query.keys()) {
    if (name === 'location' || isIgnored(name)) continue
    throw new S3Error('InvalidArgument', `Search param ${name} is unsupported for bucket location`)
  }
  const { location } = await store.headBucket(bucket)

  return xmlResponse('LocationConstraint', location.toUpperCase())
}

/** There are no versions, and never were. */
export async function getBucketVersioning(request: S3Request): Promise<S3Response> {
  screen(request, 'Read')
  await request.store.headBucket(request.bucket)

  return xmlResponse('VersioningConfiguration', [])
}

/** Always on, with a key of the bucket's own: the truthful answer is a constant. */
export async function getBucketEncryption(request: S3Request): Promise<S3Response> {
  screen(request, 'Read')
  await request.store.headBucket(request.bucket)

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
  return async (request: S3Request): Promise<S3Response> => {
    screen(request, 'Read')
    await request.store.headBucket(request.bucket)
    throw new S3Error(code)
  }
}

/** Never to have versions is what there is; to have them is refused. */
export async function putBucketVersioning(request: S3Request): Promise<S3Response> {
  await request.store.headBucket(request.bucket)
  const root = parseDocument(await readBody(request.body(), bodySizeMax), 'VersioningConfiguration')
  const [status, ...others] = elementsOf(root, 'Status')
  if (others.length > 0 || (status !== 'Enabled' && status !== 'Suspended')) {
    throw new S3Error('MalformedXML')
  }
  if (status === 'Enabled') throw notImplemented('PutBucketVersioning')

  return { status: 200 }
}

/** Everything is encrypted as it is: to ask for it changes nothing. */
export async function putBucketEncryption(request: S3Request): Promise<S3Response> {
  await request.store.headBucket(request.bucket)
  const root = parseDocument(
    await readBody(request.body(), bodySizeMax),
    'ServerSideEncryptionConfiguration'
  )
  const rules = elementsOf(root, 'Rule')
  const algorithms = rules.map(rule => {
    const [byDefault] = isRecord(rule) ? elementsOf(rule, 'ApplyServerSideEncryptionByDefault') : []
    return isRecord(byDefault) ? elementsOf(byDefault, 'SSEAlgorithm')[0] : undefined
  })
  if (algorithms.length === 0) throw new S3Error('MalformedXML')
  if (algorithms.some(name => name !== 'AES256')) throw notImplemented('PutBucketEncryption')

  return { status: 200 }
}

export async function deleteBucketEncryption({ store, bucket }: S3Request): Promise<S3Response> {
  await store.headBucket(bucket)

  return { status: 204 }
}
