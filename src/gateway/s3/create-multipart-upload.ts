/**
 * CreateMultipartUpload: `POST /{bucket}/{key}?uploads`.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateMultipartUpload.html
 */

import { hash } from 'node:crypto'
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http'
import type { UploadChecksum } from '../../objects/store.ts'
import { parseAlgorithm } from '../headers/checksum-headers.ts'
import { writeCustomerKey } from '../headers/customer-key.ts'
import { createBucketIfMissing } from './buckets.ts'
import { readNewObject } from './new-object.ts'
import { xmlResponse, type S3Request, type S3Response } from './operation.ts'
import { S3Error } from './s3-error.ts'
import { screen } from './screening.ts'

export async function createMultipartUpload(request: S3Request): Promise<S3Response> {
  const { store, bucket, key, headers } = request
  screen(request, 'CreateMultipartUpload')
  const object = readNewObject(headers)
  const checksum = readUploadChecksum(headers)
  await createBucketIfMissing(request)
  const uploadId = await store.createUpload(bucket, key, { ...object, checksum })

  const { customerKey } = object
  return xmlResponse(
    'InitiateMultipartUploadResult',
    [
      ['Bucket', bucket],
      ['Key', key],
      ['UploadId', uploadId]
    ],
    {
      ...checksumHeaders(checksum),
      ...writeCustomerKey(
        customerKey === undefined ? undefined : hash('md5', customerKey, 'buffer')
      )
    }
  )
}

function checksumHeaders(checksum: UploadChecksum | undefined): OutgoingHttpHeaders {
  if (checksum === undefined) return {}

  return {
    'x-amz-checksum-algorithm': checksum.name.toUpperCase(),
    'x-amz-checksum-type': checksum.isComposite ? 'COMPOSITE' : 'FULL_OBJECT'
  }
}

/** CRC-64/NVME is of the whole object only, SHA only of the parts' checksums, and of those unless asked otherwise. */
function readUploadChecksum(headers: IncomingHttpHeaders): UploadChecksum | undefined {
  const algorithm = headers['x-amz-checksum-algorithm']
  const type = headers['x-amz-checksum-type']
  if (algorithm === undefined) {
    if (type === undefined) return undefined
    throw new S3Error(
      'InvalidRequest',
      'The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.'
    )
  }

  const name = parseAlgorithm(String(algorithm))
  const wanted =
    type === undefined ? (name === 'crc64nvme' ? 'FULL_OBJECT' : 'COMPOSITE') : String(type)
  const isPossible =
    wanted === 'FULL_OBJECT'
      ? name !== 'sha1' && name !== 'sha256'
      : wanted === 'COMPOSITE' && name !== 'crc64nvme'
  if (!isPossible) {
    throw new S3Error(
      'InvalidRequest',
      `The ${wanted} checksum type cannot be used with the ${name} checksum algorithm.`
    )
  }
  return { name, isComposite: wanted === 'COMPOSITE' }
}
