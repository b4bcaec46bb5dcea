/**
 * CopyObject: `PUT /{bucket}/{key}` with `x-amz-copy-source`.
 *
 * R2 adds the directive MERGE: the request's metadata over the source's.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html
 * https://developers.cloudflare.com/r2/api/s3/extensions/
 */

import { putSizeMax } from '../../limits.ts'
import type { ObjectInfo, ObjectMetadata } from '../../objects/store.ts'
import { checksumTypeOf, writeChecksumElements } from './checksum-elements.ts'
import { readPrecondition } from '../headers/conditions.ts'
import { readCopySource } from '../headers/copy-source.ts'
import { readCustomerKey, writeCustomerKey } from '../headers/customer-key.ts'
import { parseTagging } from '../headers/tags.ts'
import { writeIntervalOf, xmlResponse, type S3Request, type S3Response } from './operation.ts'
import {
  readCustomMetadata,
  readHttpMetadata,
  readStorageClass,
  writeExpiration
} from '../headers/object-headers.ts'
import { S3Error } from './s3-error.ts'
import { screen } from './screening.ts'

export async function copyObject(request: S3Request): Promise<S3Response> {
  const { store, bucket, key, headers, compat } = request
  screen(request, 'CopyObject')
  const customerKey = readCustomerKey(headers)
  const sourceCustomerKey = readCustomerKey(headers, 'x-amz-copy-source-')
  const source = readCopySource(headers)
  const directive = headers['x-amz-metadata-directive'] ?? 'COPY'
  if (directive !== 'COPY' && directive !== 'REPLACE' && directive !== 'MERGE') {
    throw new S3Error('InvalidArgument', `metadata directive ${String(directive)}.`)
  }

  const sourcePrecondition = readPrecondition(headers, 'x-amz-copy-source-')
  const precondition =
    readPrecondition(headers, 'cf-copy-destination-') ?? readPrecondition(headers)
  const storageClass = readStorageClass(headers)
  const tags = tagsOf(request)
  const { info, source: copied } = await store.copy({
    sourceBucket: source.bucket,
    sourceKey: source.key,
    bucket,
    key,
    customerKey,
    sourceCustomerKey,
    metadataOf: found => {
      // A copy costs the same whatever its size: only R2 has a limit to keep.
      if (compat === 'strict-r2') requireCopySize(found)
      return metadataOf(request, directive, found)
    },
    ...writeIntervalOf(request),
    ...(tags === undefined ? {} : { tags }),
    ...(sourcePrecondition === undefined ? {} : { sourcePrecondition }),
    ...(precondition === undefined ? {} : { precondition }),
    ...(storageClass === undefined ? {} : { storageClass })
  })

  return xmlResponse(
    'CopyObjectResult',
    [
      ['ETag', `"${info.etag}"`],
      ['LastModified', new Date(info.uploaded).toISOString()],
      ...writeChecksumElements(info.checksums, info.isComposite ? info.partCount : undefined),
      ['ChecksumType', checksumTypeOf(info)]
    ],
    {
      'x-amz-version-id': info.versionId,
      'x-amz-copy-source-version-id': copied.versionId,
      ...writeCustomerKey(info.customerKeyMd5),
      ...writeExpiration(info)
    }
  )
}

function requireCopySize({ size }: ObjectInfo): void {
  if (size <= putSizeMax) return

  throw new S3Error(
    'InvalidRequest',
    `The specified copy source is larger than the maximum allowable size for a copy source: ${putSizeMax}`
  )
}

/** Undefined keeps the source's. */
function tagsOf({ headers }: S3Request): [string, string][] | undefined {
  const directive = headers['x-amz-tagging-directive'] ?? 'COPY'
  if (directive === 'COPY') return undefined
  if (directive === 'REPLACE') return parseTagging(headers) ?? []

  throw new S3Error('InvalidArgument', 'Unknown tagging directive.')
}

function metadataOf(
  { headers }: S3Request,
  directive: 'COPY' | 'REPLACE' | 'MERGE',
  source: ObjectInfo
): ObjectMetadata {
  if (directive === 'COPY') return source
  const httpMetadata = readHttpMetadata(headers)
  const customMetadata = readCustomMetadata(headers)
  if (directive === 'REPLACE') return { httpMetadata, customMetadata }

  const merged = new Map([...source.customMetadata, ...customMetadata])
  return {
    httpMetadata: { ...source.httpMetadata, ...httpMetadata },
    customMetadata: [...merged].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
  }
}
