/**
 * CopyObject: `PUT /{bucket}/{key}` with `x-amz-copy-source`.
 *
 * R2 adds the directive MERGE: the request's metadata over the source's.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html
 * https://developers.cloudflare.com/r2/api/s3/extensions/
 */

import { putSizeMax } from '../../limits.ts'
import type { CopyOptions, ObjectInfo } from '../../objects/store.ts'
import { readPrecondition } from '../conditions.ts'
import { readCustomMetadata, readHttpMetadata, readStorageClass } from '../object-headers.ts'
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
  const source = parseSource(String(headers['x-amz-copy-source']))
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
    { 'x-amz-version-id': info.versionId, 'x-amz-copy-source-version-id': head.info.versionId }
  )
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** `/bucket/key` or `bucket/key`, percent-encoded. */
function parseSource(header: string): { bucket: string; key: string } {
  let decoded: string
  try {
    // Node.js gives header bytes as Latin-1; a client that does not encode sends UTF-8.
    decoded = decodeURIComponent(utf8.decode(Buffer.from(header, 'latin1')))
  } catch (error) {
    throw new S3Error('InvalidArgument', 'copy source bucket name', { cause: error })
  }
  const path = decoded.startsWith('/') ? decoded.slice(1) : decoded
  const slash = path.indexOf('/')
  if (slash < 1 || slash === path.length - 1) {
    throw new S3Error('InvalidArgument', 'copy source bucket name')
  }
  return { bucket: path.slice(0, slash), key: path.slice(slash + 1) }
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
