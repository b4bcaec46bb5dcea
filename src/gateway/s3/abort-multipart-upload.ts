/**
 * AbortMultipartUpload: `DELETE /{bucket}/{key}?uploadId=U`.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_AbortMultipartUpload.html
 */

import type { S3Request, S3Response } from './operation.ts'

export async function abortMultipartUpload({
  store,
  bucket,
  key,
  query
}: S3Request): Promise<S3Response> {
  await store.abortUpload({ bucket, key, uploadId: query.get('uploadId') ?? '' })

  return { status: 204 }
}
