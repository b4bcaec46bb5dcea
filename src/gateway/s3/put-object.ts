/**
 * PutObject: `PUT /{bucket}/{key}`.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html
 */

import { readPrecondition } from '../conditions.ts'
import { readCustomerKey, writeCustomerKey } from '../customer-key.ts'
import {
  readCustomMetadata,
  readHttpMetadata,
  readStorageClass,
  writeChecksums,
  writeExpiration
} from '../object-headers.ts'
import { parseTagging } from '../tags.ts'
import { createBucketIfMissing } from './buckets.ts'
import { writeIntervalOf, type S3Request, type S3Response } from './operation.ts'
import { screen } from './screening.ts'

export async function putObject(request: S3Request): Promise<S3Response> {
  const { store, bucket, key, headers } = request
  screen(request, 'PutObject')
  const customerKey = readCustomerKey(headers)
  const precondition = readPrecondition(headers)
  const storageClass = readStorageClass(headers)
  const httpMetadata = readHttpMetadata(headers)
  const customMetadata = readCustomMetadata(headers)
  const tags = parseTagging(headers)

  const { chunks, size, digests, verify } = request.body()
  await createBucketIfMissing(request)
  const info = await store.put(bucket, key, chunks, {
    httpMetadata,
    customMetadata,
    customerKey,
    digests,
    verify,
    ...writeIntervalOf(request),
    ...(size === undefined ? {} : { size }),
    ...(storageClass === undefined ? {} : { storageClass }),
    ...(precondition === undefined ? {} : { precondition }),
    ...(tags === undefined || tags.length === 0 ? {} : { tags })
  })

  return {
    status: 200,
    headers: {
      etag: `"${info.etag}"`,
      'x-amz-version-id': info.versionId,
      ...writeChecksums(info),
      ...writeCustomerKey(info.customerKeyMd5),
      ...writeExpiration(info)
    }
  }
}
