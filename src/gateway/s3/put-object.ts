/**
 * PutObject: `PUT /{bucket}/{key}`.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html
 */

import { readPrecondition } from '../conditions.ts'
import {
  readCustomMetadata,
  readHttpMetadata,
  readStorageClass,
  writeChecksums,
  writeExpiration
} from '../object-headers.ts'
import { screenWrite, type S3Request, type S3Response } from './operation.ts'

export async function putObject(request: S3Request): Promise<S3Response> {
  const { store, bucket, key, headers } = request
  screenWrite(headers)
  const precondition = readPrecondition(headers)
  const storageClass = readStorageClass(headers)
  const httpMetadata = readHttpMetadata(headers)
  const customMetadata = readCustomMetadata(headers)

  const { chunks, size, digests, verify } = request.body()
  const info = await store.put(bucket, key, chunks, {
    httpMetadata,
    customMetadata,
    digests,
    verify,
    ...(size === undefined ? {} : { size }),
    ...(storageClass === undefined ? {} : { storageClass }),
    ...(precondition === undefined ? {} : { precondition })
  })

  return {
    status: 200,
    headers: {
      etag: `"${info.etag}"`,
      'x-amz-version-id': info.versionId,
      ...writeChecksums(info),
      ...writeExpiration(info)
    }
  }
}
