/**
 * CompleteMultipartUpload: `POST /{bucket}/{key}?uploadId=U`.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html
 */

import type { IncomingHttpHeaders } from 'node:http'
import { partCountMax } from '../../limits.ts'
import type { Checksums } from '../../metadata/object-record.ts'
import type { CompleteUploadOptions } from '../../objects/store.ts'
import { readBody } from '../body/verified-body.ts'
import { checksumTypeOf, readChecksumElements, writeChecksumElements } from './checksum-elements.ts'
import { checksumHeader, checksumNames, parseChecksum } from '../headers/checksum-headers.ts'
import { parseTags, readPrecondition } from '../headers/conditions.ts'
import { readCustomerKey, writeCustomerKey } from '../headers/customer-key.ts'
import { writeIntervalOf, xmlResponse, type S3Request, type S3Response } from './operation.ts'
import { writeExpiration } from '../headers/object-headers.ts'
import { S3Error } from './s3-error.ts'
import { screen } from './screening.ts'
import { elementsOf, isRecord, parseDocument, textOf } from './xml.ts'

/** 10,000 parts, each with its number, ETag, every checksum, and room. */
const bodySizeMax = 8 * 1024 * 1024

/** Each with the two ends of its element, number, ETag and every checksum. */
const tagCountMax = 16 * partCountMax

type Part = CompleteUploadOptions['parts'][number]

export async function completeMultipartUpload(request: S3Request): Promise<S3Response> {
  const { store, bucket, key, query, headers, compat } = request
  screen(request, 'CompleteMultipartUpload')
  readCustomerKey(headers)
  const precondition = readPrecondition(headers)
  const size = readSize(headers['x-amz-mp-object-size'])
  // Its x-amz-checksum headers are of the object, not of the list that is its body.
  const checksums = readObjectChecksums(headers)
  const parts = parseParts(await readBody(request.body({ hasChecksums: false }), bodySizeMax))
  const info = await store.completeUpload(
    { bucket, key, uploadId: query.get('uploadId') ?? '' },
    {
      parts,
      checksums,
      requiresEvenParts: compat === 'strict-r2',
      ...writeIntervalOf(request),
      ...(precondition === undefined ? {} : { precondition }),
      ...(size === undefined ? {} : { size })
    }
  )

  const host = headers.host ?? ''
  return xmlResponse(
    'CompleteMultipartUploadResult',
    [
      ['Location', `http://${host}/${bucket}/${encodeURIComponent(key).replaceAll('%2F', '/')}`],
      ['Bucket', bucket],
      ['Key', key],
      ['ETag', `"${info.etag}"`],
      ...writeChecksumElements(info.checksums, info.isComposite ? info.partCount : undefined),
      ['ChecksumType', checksumTypeOf(info)]
    ],
    {
      'x-amz-version-id': info.versionId,
      ...writeCustomerKey(info.customerKeyMd5),
      ...writeExpiration(info)
    }
  )
}

/** In the order of numbers, however the client sent them, as R2 has it. */
function parseParts(body: Buffer): Part[] {
  const elements = elementsOf(parseDocument(body, 'CompleteMultipartUpload', tagCountMax), 'Part')
  if (elements.length === 0 || elements.length > partCountMax) throw new S3Error('MalformedXML')

  const parts = elements.map(parsePart).sort((a, b) => a.number - b.number)
  for (const [index, { number }] of parts.entries()) {
    if (parts[index + 1]?.number === number) {
      throw new S3Error('InvalidPart', 'There was a problem with the multipart upload.')
    }
    if (number < 1 || number > partCountMax) throw new S3Error('InvalidPart')
  }
  return parts
}

function parsePart(element: unknown): Part {
  if (!isRecord(element)) throw new S3Error('MalformedXML')

  const number = textOf(element, 'PartNumber')
  const etag = textOf(element, 'ETag')
  if (number === undefined || !/^\s*-?\d{1,15}\s*$/.test(number) || etag === undefined) {
    throw new S3Error('MalformedXML')
  }
  const [tag] = parseTags(etag)
  return {
    number: Number(number),
    etag: typeof tag === 'object' ? tag.tag.toLowerCase() : '',
    checksums: readChecksumElements(element)
  }
}

/** A composite one has `-` and the number of parts behind it. */
function readObjectChecksums(headers: IncomingHttpHeaders): Checksums {
  const checksums: Checksums = {}
  for (const name of checksumNames) {
    const value = headers[checksumHeader(name)]
    if (value === undefined) continue
    checksums[name] = parseChecksum(name, String(value).replace(/-\d{1,5}$/, ''))
  }
  return checksums
}

function readSize(header: string | string[] | undefined): number | undefined {
  if (header === undefined) return undefined
  if (/^\d{1,15}$/.test(String(header))) return Number(header)

  throw new S3Error('InvalidArgument', 'The value of x-amz-mp-object-size is not a number of bytes')
}
