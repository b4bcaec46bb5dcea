/**
 * GetBucketCors, PutBucketCors, DeleteBucketCors: `/{bucket}?cors`. What the rules do is in gateway/cors.ts.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketCors.html
 */

import { readBody } from '../body.ts'
import { parseCorsConfiguration, writeCorsConfiguration } from './cors-configuration.ts'
import {
  screenDelete,
  screenRead,
  xmlResponse,
  type S3Request,
  type S3Response
} from './operation.ts'
import { S3Error } from './s3-error.ts'

/** S3's limit. */
const bodySizeMax = 64 * 1024

export async function getBucketCors({ store, bucket, headers }: S3Request): Promise<S3Response> {
  screenRead(headers)
  const rules = await store.getBucketCors(bucket)
  if (rules === undefined) throw new S3Error('NoSuchCORSConfiguration')

  return xmlResponse('CORSConfiguration', writeCorsConfiguration(rules))
}

export async function putBucketCors(request: S3Request): Promise<S3Response> {
  const { store, bucket, headers } = request
  screenRead(headers)
  await store.headBucket(bucket)
  const rules = parseCorsConfiguration(await readBody(request.body(), bodySizeMax))
  await store.setBucketCors(bucket, rules)

  return { status: 200 }
}

export async function deleteBucketCors({ store, bucket, headers }: S3Request): Promise<S3Response> {
  screenDelete(headers)
  await store.setBucketCors(bucket, undefined)

  return { status: 204 }
}
