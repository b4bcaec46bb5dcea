/**
 * UploadPartCopy: UploadPart with `x-amz-copy-source`.
 *
 * R2 refuses conditions on the source. Here they are honoured: the current AWS SDKs send If-Match with each part of a
 * copy, so that all are of one version.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPartCopy.html
 */

import { readPrecondition } from '../headers/conditions.ts'
import { readCopySource } from '../headers/copy-source.ts'
import { readCustomerKey, writeCustomerKey } from '../headers/customer-key.ts'
import { writeChecksumElements } from './checksum-elements.ts'
import { readPartNumber } from './part-number.ts'
import { xmlResponse, type S3Request, type S3Response } from './operation.ts'
import { S3Error } from './s3-error.ts'
import { screen } from './screening.ts'

export async function uploadPartCopy(request: S3Request): Promise<S3Response> {
  const { store, bucket, key, query, headers } = request
  screen(request, 'UploadPartCopy')
  const customerKey = readCustomerKey(headers)
  const sourceCustomerKey = readCustomerKey(headers, 'x-amz-copy-source-')
  const partNumber = readPartNumber(query)
  const uploadId = query.get('uploadId') ?? ''
  const source = readCopySource(headers)
  const range = readSourceRange(headers['x-amz-copy-source-range'])
  const sourcePrecondition = readPrecondition(headers, 'x-amz-copy-source-')
  const part = await store.copyPart(
    { bucket, key, uploadId, partNumber },
    {
      sourceBucket: source.bucket,
      sourceKey: source.key,
      ...(range === undefined ? {} : { range }),
      ...(sourcePrecondition === undefined ? {} : { sourcePrecondition }),
      customerKey,
      sourceCustomerKey
    }
  )

  return xmlResponse(
    'CopyPartResult',
    [
      ['ETag', `"${part.etag}"`],
      ['LastModified', new Date(part.uploaded).toISOString()],
      ...writeChecksumElements(part.checksums)
    ],
    writeCustomerKey(part.customerKeyMd5)
  )
}

function readSourceRange(
  header: string | string[] | undefined
): { start: number; end: number } | undefined {
  if (header === undefined) return undefined

  const match = /^bytes=(\d{1,15})-(\d{1,15})$/.exec(String(header))
  if (match === null) {
    throw new S3Error('InvalidArgument', `Invalid x-amz-copy-source-range: ${String(header)}`)
  }
  const [start, end] = [Number(match[1]), Number(match[2])]
  if (start > end) throw new S3Error('InvalidArgument', 'x-amz-copy-source-range must be positive.')
  return { start, end }
}
