/**
 * GetObjectAttributes: `GET /{bucket}/{key}?attributes`. R2 does not have it.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectAttributes.html
 */

import { pageCountMax } from '../../limits.ts'
import type { ObjectInfo } from '../../objects/store.ts'
import { checksumTypeOf, writeChecksumElements } from './checksum-elements.ts'
import { readCustomerKey } from '../headers/customer-key.ts'
import { httpDate } from '../headers/object-headers.ts'
import { readMaxKeys, xmlResponse, type S3Request, type S3Response } from './operation.ts'
import { S3Error } from './s3-error.ts'
import { screen } from './screening.ts'
import type { XmlElement } from './xml.ts'

const names = ['ETag', 'Checksum', 'ObjectParts', 'StorageClass', 'ObjectSize'] as const

type Attribute = (typeof names)[number]

export async function getObjectAttributes(request: S3Request): Promise<S3Response> {
  const { store, bucket, key, headers } = request
  screen(request, 'Extra')
  const customerKey = readCustomerKey(headers)
  const wanted = readNames(headers['x-amz-object-attributes'])
  const page = readPage(request)
  const { info } = await store.head(bucket, key, { customerKey })

  const elements: Record<Attribute, () => XmlElement[]> = {
    ETag: () => [['ETag', info.etag]],
    Checksum: () => checksum(info),
    ObjectParts: () => parts(info, page),
    StorageClass: () => [['StorageClass', info.storageClass]],
    ObjectSize: () => [['ObjectSize', info.size]]
  }
  return xmlResponse(
    'GetObjectAttributesResponse',
    names.filter(name => wanted.has(name)).flatMap(name => elements[name]()),
    { 'last-modified': httpDate(info.uploaded), 'x-amz-version-id': info.versionId }
  )
}

function readNames(header: string | string[] | undefined): Set<string> {
  const wanted = new Set(
    String(header ?? '')
      .split(',')
      .map(name => name.trim())
  )
  const isKnown = [...wanted].every(name => names.some(known => known === name))
  if (!isKnown) throw new S3Error('InvalidArgument', 'Invalid attribute name specified.')

  return wanted
}

interface Page {
  after: number
  asked: number
  limit: number
}

function readPage({ headers }: S3Request): Page {
  const max = headers['x-amz-max-parts']
  const marker = headers['x-amz-part-number-marker']
  if (marker !== undefined && !/^\d{1,5}$/.test(String(marker))) {
    throw new S3Error('InvalidArgument', 'x-amz-part-number-marker is not a part number')
  }

  return {
    after: Number(marker ?? 0),
    ...readMaxKeys(max === undefined ? undefined : String(max), pageCountMax)
  }
}

function checksum(info: ObjectInfo): XmlElement[] {
  const type = checksumTypeOf(info)
  if (type === undefined) return []

  const count = info.isComposite ? info.partCount : undefined
  return [['Checksum', [...writeChecksumElements(info.checksums, count), ['ChecksumType', type]]]]
}

/** Nothing for an object that was put whole. */
function parts(
  { parts: runs, partCount }: ObjectInfo,
  { after, asked, limit }: Page
): XmlElement[] {
  if (partCount === undefined) return []

  const elements: XmlElement[] = []
  let number = 0
  for (const { count, size } of runs) {
    const first = Math.max(number, after) + 1
    for (let n = first; n <= number + count && elements.length < limit; n++) {
      elements.push([
        'Part',
        [
          ['PartNumber', n],
          ['Size', size]
        ]
      ])
    }
    number += count
  }
  const last = Math.min(after + elements.length, partCount)
  return [
    [
      'ObjectParts',
      [
        ['IsTruncated', last < partCount],
        ['MaxParts', asked],
        ['NextPartNumberMarker', last],
        ['PartNumberMarker', after],
        ...elements,
        ['PartsCount', partCount]
      ]
    ]
  ]
}
