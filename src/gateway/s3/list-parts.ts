/**
 * ListParts: `GET /{bucket}/{key}?uploadId=U`.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListParts.html
 */

import { pageCountMax } from '../../limits.ts'
import type { UploadChecksum } from '../../objects/store.ts'
import { writeChecksumElements } from './checksum-elements.ts'
import { readMaxKeys, xmlResponse, type S3Request, type S3Response } from './operation.ts'
import { owner } from './owner.ts'
import { S3Error } from './s3-error.ts'
import { screen } from './screening.ts'
import type { XmlElement } from './xml.ts'

export async function listParts(request: S3Request): Promise<S3Response> {
  const { store, bucket, key, query } = request
  screen(request, 'Read')
  const { asked, limit } = readMaxKeys(query.get('max-parts'), pageCountMax)
  const after = readMarker(query.get('part-number-marker'))
  const uploadId = query.get('uploadId') ?? ''
  const page = await store.listParts({ bucket, key, uploadId }, { after, limit })
  const last = page.parts.at(-1)?.number ?? after

  return xmlResponse('ListPartsResult', [
    ['Bucket', bucket],
    ['Key', page.upload.key],
    ['UploadId', uploadId],
    ['Initiator', owner[1]],
    owner,
    ['StorageClass', page.upload.storageClass],
    ['PartNumberMarker', after],
    ['NextPartNumberMarker', page.isTruncated ? last : undefined],
    ['MaxParts', asked],
    ['IsTruncated', page.isTruncated],
    ...checksumKind(page.upload.checksum),
    ...page.parts.map(({ number, size, etag, uploaded, checksums }): XmlElement => [
      'Part',
      [
        ['PartNumber', number],
        ['LastModified', new Date(uploaded).toISOString()],
        ['ETag', `"${etag}"`],
        ['Size', size],
        ...writeChecksumElements(checksums)
      ]
    ])
  ])
}

export function checksumKind(checksum: UploadChecksum | undefined): XmlElement[] {
  if (checksum === undefined) return []

  return [
    ['ChecksumAlgorithm', checksum.name.toUpperCase()],
    ['ChecksumType', checksum.isComposite ? 'COMPOSITE' : 'FULL_OBJECT']
  ]
}

function readMarker(text: string | undefined): number {
  if (text === undefined || text === '') return 0
  if (/^\d{1,5}$/.test(text) && Number(text) < 0xffff) return Number(text)

  throw new S3Error('InvalidArgument', 'part-number-marker is not a part number')
}
