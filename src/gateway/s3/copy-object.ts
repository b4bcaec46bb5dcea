/**
 * CopyObject: `PUT /{bucket}/{key}` with `x-amz-copy-source`.
 *
 * R2 adds the directive MERGE: the request's metadata over the source's.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html
 * https://developers.cloudflare.com/r2/api/s3/extensions/
 */

import { putSizeMax } from '../../limits.ts'
import { readCopySource } from '../copy-source.ts'
import type { CopyOptions, ObjectInfo } from '../../objects/store.ts'
import { readPrecondition } from '../conditions.ts'
import {
  readCustomMetadata,
  readHttpMetadata,
  readStorageClass,
  writeExpiration
} from '../object-headers.ts'
import { screenWrite, xmlResponse, type S3Request, type S3Response } from './operation.ts'
import { S3Error } from './s3-error.ts'

const copyHeaders = [
  'x-amz-source-expected-bucket-owner',
  'x-amz-tagging-directive',
  'x-amz-checksum-algorithm',
  'x-amz-copy-source-server-side-encryption-customer-algorithm'
]

export async function copyObject(request: S3Request): Promise<S3Response> {
  const { store, bucket, key, headers } = request
  screenWrite(headers, copyHeaders)
  const source = readCopySource(headers)
  const directive = headers['x-amz-metadata-directive'] ?? 'COPY'
  if (directive !== 'COPY' && directive !== 'REPLACE' && directive !== 'MERGE') {
    throw new S3Error('InvalidArgument', `metadata directive ${String(directive)}.`)
  }

  const head = await store.head(source.bucket, source.key, {})
  if (head.info.size > putSizeMax) throw new S3Error('EntityTooLarge')
  const sourcePrecondition = readPrecondition(headers, 'x-amz-copy-source-')
  const precondition =
    readPrecondition(headers, 'cf-copy-destination-') ?? readPrecondition(headers)
  const storageClass = readStorageClass(headers)
  const replace = metadataOf(request, directive, head.info)
  const info = await store.copy({
    sourceBucket: source.bucket,
    sourceKey: source.key,
    bucket,
    key,
    ...(replace === undefined ? {} : { replace }),
    ...(sourcePrecondition === undefined ? {} : { sourcePrecondition }),
    ...(precondition === undefined ? {} : { precondition }),
    ...(storageClass === undefined ? {} : { storageClass })
  })

  return xmlResponse(
    'CopyObjectResult',
    [
      ['ETag', `"${info.etag}"`],
      ['LastModified', new Date(info.uploaded).toISOString()]
    ],
    {
      'x-amz-version-id': info.versionId,
      'x-amz-copy-source-version-id': head.info.versionId,
      ...writeExpiration(info)
    }
  )
}

function metadataOf(
  { headers }: S3Request,
  directive: 'COPY' | 'REPLACE' | 'MERGE',
  source: ObjectInfo
): CopyOptions['replace'] {
  if (directive === 'COPY') return undefined
  const httpMetadata = readHttpMetadata(headers)
  const customMetadata = readCustomMetadata(headers)
  if (directive === 'REPLACE') return { httpMetadata, customMetadata }

  const merged = new Map([...source.customMetadata, ...customMetadata])
  return {
    httpMetadata: { ...source.httpMetadata, ...httpMetadata },
    customMetadata: [...merged].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
  }
}
