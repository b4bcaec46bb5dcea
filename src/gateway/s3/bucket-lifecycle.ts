/**
 * GetBucketLifecycleConfiguration, PutBucketLifecycleConfiguration, DeleteBucketLifecycle: `/{bucket}?lifecycle`.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketLifecycleConfiguration.html
 */

import { readBody } from '../body.ts'
import {
  parseLifecycleConfiguration,
  writeLifecycleConfiguration
} from './lifecycle-configuration.ts'
import {
  refuseHeaders,
  screenDelete,
  screenRead,
  xmlResponse,
  type S3Request,
  type S3Response
} from './operation.ts'
import { S3Error } from './s3-error.ts'

/** 1,000 rules with prefixes of 1,024 bytes, each byte as a character reference at worst, with their elements. */
const bodySizeMax = 8 * 1024 * 1024

export async function getBucketLifecycle({
  store,
  bucket,
  headers
}: S3Request): Promise<S3Response> {
  screenRead(headers)
  const rules = await store.getBucketLifecycle(bucket)
  if (rules === undefined) throw new S3Error('NoSuchLifecycleConfiguration')

  return xmlResponse('LifecycleConfiguration', writeLifecycleConfiguration(rules))
}

export async function putBucketLifecycle(request: S3Request): Promise<S3Response> {
  const { store, bucket, headers } = request
  screenRead(headers)
  // Objects of every size are transitioned.
  refuseHeaders(headers, ['x-amz-transition-default-minimum-object-size'])
  await store.headBucket(bucket)
  const rules = parseLifecycleConfiguration(await readBody(request.body(), bodySizeMax))
  await store.setBucketLifecycle(bucket, rules)

  return { status: 200 }
}

export async function deleteBucketLifecycle({
  store,
  bucket,
  headers
}: S3Request): Promise<S3Response> {
  screenDelete(headers)
  await store.setBucketLifecycle(bucket, undefined)

  return { status: 204 }
}
