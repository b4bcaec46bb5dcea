/**
 * UploadPart: `PUT /{bucket}/{key}?partNumber=N&uploadId=U`.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPart.html
 */

import { writeChecksumValues } from '../object-headers.ts'
import { readPartNumber } from '../part-number.ts'
import { refuseHeaders, type S3Request, type S3Response } from './operation.ts'

export async function uploadPart(request: S3Request): Promise<S3Response> {
  const { store, bucket, key, query, headers } = request
  refuseHeaders(headers, ['x-amz-expected-bucket-owner', 'x-amz-server-side-encryption'])
  const partNumber = readPartNumber(query)
  const uploadId = query.get('uploadId') ?? ''
  const { chunks, size, digests, verify } = request.body()
  const part = await store.uploadPart({ bucket, key, uploadId, partNumber }, chunks, {
    digests,
    verify,
    ...(size === undefined ? {} : { size })
  })

  return {
    status: 200,
    headers: { etag: `"${part.etag}"`, ...writeChecksumValues(part.checksums) }
  }
}
