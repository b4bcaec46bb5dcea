/**
 * GetBucketLifecycleConfiguration, PutBucketLifecycleConfiguration, DeleteBucketLifecycle: `/{bucket}?lifecycle`.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketLifecycleConfiguration.html
 */

import { readBody } from '../body/verified-body.ts'
import {
  parseLifecycleConfiguration,
  writeLifecycleConfiguration
} from './lifecycle-configuration.ts'
import { xmlResponse, type S3Request, type S3Response } from './operation.ts'
import { S3Error } from './s3-error.ts'
import { screen } from './screening.ts'

/** 1,000 rules with prefixes of 1,024 bytes, each byte as a character reference at worst, with their elements. */
const bodySizeMax = 8 * 1024 * 1024

export async function getBucketLifecycle(request: S3Request): Promise<S3Response> {
  const { store, bucket } = request
  screen(request, 'Read')
  const rules = await store.getBucketLifecycle(bucket)
  if (rules === undefined) throw new S3Error('NoSuchLifecycleConfiguration')

  return xmlResponse('LifecycleConfiguration', writeLifecycleConfiguration(rules))
}

export async function putBucketLifecycle(request: S3Request): Promise<S3Response> {
  const { store, bucket } = request
  screen(request, 'PutBucketLifecycleConfiguration')
  await store.headBucket(bucket)
  const rules = parseLifecycleConfiguration(await readBody(request.body(), bodySizeMax))
  await store.setBucketLifecycle(bucket, rules)

  return { status: 200 }
}

export async function deleteBucketLifecycle(request: S3Request): Promise<S3Response> {
  const { store, bucket } = request
  screen(request, 'Read')
  await store.setBucketLifecycle(bucket, undefined)

  return { status: 204 }
}
