/**
 * ListMultipartUploads: `GET /{bucket}?uploads`.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListMultipartUploads.html
 */

import { pageCountMax } from '../../limits.ts'
import { commonPrefixes, readEncoding } from './list-objects.ts'
import { checksumKind } from './list-parts.ts'
import {
  readMaxKeys,
  refuseQuery,
  xmlResponse,
  type S3Request,
  type S3Response
} from './operation.ts'
import { owner } from './owner.ts'
import { screen } from './screening.ts'
import type { XmlElement } from './xml.ts'

const names = [
  'uploads',
  'prefix',
  'delimiter',
  'key-marker',
  'upload-id-marker',
  'max-uploads',
  'encoding-type'
]

export async function listMultipartUploads(request: S3Request): Promise<S3Response> {
  const { store, bucket, query } = request
  screen(request, 'Read')
  refuseQuery(query, 'ListMultipartUploads', names)
  const encode = readEncoding(query)
  const { asked, limit } = readMaxKeys(query.get('max-uploads'), pageCountMax)
  const prefix = query.get('prefix') ?? ''
  const delimiter = query.get('delimiter') ?? ''
  const keyMarker = query.get('key-marker') ?? ''
  const uploadIdMarker = query.get('upload-id-marker') ?? ''
  const page = await store.listUploads(bucket, {
    prefix,
    delimiter,
    keyMarker,
    // S3: without a key marker it is ignored.
    uploadIdMarker: keyMarker === '' ? '' : uploadIdMarker,
    limit
  })

  return xmlResponse('ListMultipartUploadsResult', [
    ['Bucket', bucket],
    ['KeyMarker', encode(keyMarker)],
    ['UploadIdMarker', uploadIdMarker],
    ['NextKeyMarker', page.next === undefined ? undefined : encode(page.next.key)],
    ['NextUploadIdMarker', page.next?.uploadId],
    ['Delimiter', delimiter === '' ? undefined : encode(delimiter)],
    ['Prefix', encode(prefix)],
    ['MaxUploads', asked],
    ['IsTruncated', page.isTruncated],
    ['EncodingType', query.get('encoding-type')],
    ...page.uploads.map(({ key, uploadId, initiated, storageClass, checksum }): XmlElement => [
      'Upload',
      [
        ['Key', encode(key)],
        ['UploadId', uploadId],
        ['Initiator', owner[1]],
        owner,
        ['StorageClass', storageClass],
        ['Initiated', new Date(initiated).toISOString()],
        ...checksumKind(checksum)
      ]
    ]),
    ...commonPrefixes(page, encode)
  ])
}
