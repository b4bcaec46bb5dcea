/**
 * UploadPart: `PUT /{bucket}/{key}?partNumber=N&uploadId=U`.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPart.html
 */

import { readCustomerKey, writeCustomerKey } from '../headers/customer-key.ts'
import { writeChecksumValues } from '../headers/object-headers.ts'
import { readPartNumber } from './part-number.ts'
import type { S3Request, S3Response } from './operation.ts'
import { screen } from './screening.ts'

export async function uploadPart(request: S3Request): Promise<S3Response> {
  const { store, bucket, key, query, headers } = request
  screen(request, 'UploadPart')
  const customerKey = readCustomerKey(headers)
  const partNumber = readPartNumber(query)
  const uploadId = query.get('uploadId') ?? ''
  const { chunks, size, digests, verify } = request.body()
  const part = await store.uploadPart({ bucket, key, uploadId, partNumber }, chunks, {
    customerKey,
    digests,
    verify,
    ...(size === undefined ? {} : { size })
  })

  return {
    status: 200,
    headers: {
      etag: `"${part.etag}"`,
      ...writeChecksumValues(part.checksums),
      ...writeCustomerKey(part.customerKeyMd5)
    }
  }
}
