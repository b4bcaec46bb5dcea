/**
 * PutObject: `PUT /{bucket}/{key}`.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html
 */

import { writeCustomerKey } from '../headers/customer-key.ts'
import { writeChecksums, writeExpiration } from '../headers/object-headers.ts'
import { createBucketIfMissing } from './buckets.ts'
import { readNewObject } from './new-object.ts'
import { writeIntervalOf, type S3Request, type S3Response } from './operation.ts'
import { screen } from './screening.ts'

export async function putObject(request: S3Request): Promise<S3Response> {
  const { store, bucket, key, headers } = request
  screen(request, 'PutObject')
  const object = readNewObject(headers)

  const { chunks, size, digests, verify } = request.body()
  await createBucketIfMissing(request)
  const info = await store.put(bucket, key, chunks, {
    ...object,
    digests,
    verify,
    ...writeIntervalOf(request),
    ...(size === undefined ? {} : { size })
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
