/**
 * GetBucketCors, PutBucketCors, DeleteBucketCors: `/{bucket}?cors`. What the rules do is in gateway/cors.ts.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketCors.html
 */

import { readBody } from '../body/verified-body.ts'
import { parseCorsConfiguration, writeCorsConfiguration } from './cors-configuration.ts'
import { xmlResponse, type S3Request, type S3Response } from './operation.ts'
import { S3Error } from './s3-error.ts'
import { screen } from './screening.ts'

/** S3's limit. */
const bodySizeMax = 64 * 1024

export async function getBucketCors(request: S3Request): Promise<S3Response> {
  const { store, bucket } = request
  screen(request, 'Read')
  const rules = await store.getBucketCors(bucket)
  if (rules === undefined) throw new S3Error('NoSuchCORSConfiguration')

  return xmlResponse('CORSConfiguration', writeCorsConfiguration(rules))
}

export async function putBucketCors(request: S3Request): Promise<S3Response> {
  const { store, bucket } = request
  screen(request, 'Read')
  await store.headBucket(bucket)
  const rules = parseCorsConfiguration(await readBody(request.body(), bodySizeMax))
  await store.setBucketCors(bucket, rules)

  return { status: 200 }
}

export async function deleteBucketCors(request: S3Request): Promise<S3Response> {
  const { store, bucket } = request
  screen(request, 'Read')
  await store.setBucketCors(bucket, undefined)

  return { status: 204 }
}
