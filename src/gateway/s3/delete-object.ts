/**
 * DeleteObject: `DELETE /{bucket}/{key}`. A key that is not there is deleted already.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObject.html
 */

import { screenDelete, type S3Request, type S3Response } from './operation.ts'

export async function deleteObject({
  store,
  bucket,
  key,
  headers
}: S3Request): Promise<S3Response> {
  screenDelete(headers)
  await store.delete(bucket, [key])

  return { status: 204 }
}
