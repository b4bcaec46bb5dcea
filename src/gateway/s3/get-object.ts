/**
 * GetObject and HeadObject: `GET` and `HEAD /{bucket}/{key}`, whole, by range, or by part (`?partNumber=N`).
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html
 */

import type { OutgoingHttpHeaders } from 'node:http'
import type { GetOptions, HeadResult } from '../../objects/store.ts'
import { readPrecondition } from '../headers/conditions.ts'
import { readCustomerKey } from '../headers/customer-key.ts'
import { writeObjectHeaders } from '../headers/object-headers.ts'
import { parsePartNumber } from './part-number.ts'
import { parseRange } from '../headers/range.ts'
import type { S3Request, S3Response } from './operation.ts'
import { S3Error } from './s3-error.ts'
import { screen } from './screening.ts'

/** Query parameters that set a header of the answer. */
const overrides = [
  ['response-content-type', 'content-type'],
  ['response-content-language', 'content-language'],
  ['response-content-disposition', 'content-disposition'],
  ['response-content-encoding', 'content-encoding'],
  ['response-cache-control', 'cache-control'],
  ['response-expires', 'expires']
] as const

export async function getObject(request: S3Request): Promise<S3Response> {
  const { store, bucket, key } = request
  const options = readOptions(request)
  const overridden = readOverrides(request)
  const result = await store.get(bucket, key, options)
  const { status, headers } = describe(request, options, result, overridden)

  return result.kind === 'object' ? { status, headers, body: result.body } : { status, headers }
}

/** Answers as GetObject would, a range and a part too, without the body. */
export async function headObject(request: S3Request): Promise<S3Response> {
  const { store, bucket, key } = request
  const options = readOptions(request)
  const overridden = readOverrides(request)

  return describe(request, options, await store.head(bucket, key, options), overridden)
}

function readOptions(request: S3Request): GetOptions {
  const { headers, query } = request
  screen(request, 'Read')
  const customerKey = readCustomerKey(headers)
  const precondition = readPrecondition(headers)
  const range = headers.range === undefined ? undefined : parseRange(headers.range)
  const part = query.get('partNumber')
  const partNumber = part === undefined ? undefined : parsePartNumber(part)
  if (partNumber !== undefined && range !== undefined) {
    throw new S3Error(
      'InvalidRequest',
      'Cannot specify both Range header and partNumber query parameter'
    )
  }

  return {
    ...(customerKey === undefined ? {} : { customerKey }),
    ...(precondition === undefined ? {} : { precondition }),
    ...(range === undefined ? {} : { range }),
    ...(partNumber === undefined ? {} : { partNumber })
  }
}

function describe(
  { headers: asked }: S3Request,
  { range, partNumber }: GetOptions,
  result: HeadResult,
  overridden: OutgoingHttpHeaders
): { status: number; headers: OutgoingHttpHeaders } {
  if (result.kind === 'range-not-satisfiable') {
    throw new S3Error(partNumber === undefined ? 'InvalidRange' : 'InvalidPartNumber')
  }

  const isWhole = result.kind === 'object' && range === undefined && partNumber === undefined
  // A client would hold them against the bytes that it gets: they are of all of them.
  const withChecksums = isWhole && String(asked['x-amz-checksum-mode']).toUpperCase() === 'ENABLED'
  const headers = { ...writeObjectHeaders(result.info, { withChecksums }), ...overridden }
  if (partNumber !== undefined) headers['x-amz-mp-parts-count'] = result.info.partCount ?? 1
  if (result.kind === 'not-modified') return { status: 304, headers }

  const { offset, length, info } = result
  headers['content-length'] = length
  // The only part of an empty object cannot be written as a range.
  if (isWhole || length === 0) return { status: 200, headers }
  headers['content-range'] = `bytes ${offset}-${offset + length - 1}/${info.size}`
  return { status: 206, headers }
}

/** Read before the object is: nobody would take what was begun to be read, if the request is refused then. */
function readOverrides({ query }: S3Request): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = {}
  for (const [name, header] of overrides) {
    const value = query.get(name)
    if (value !== undefined) headers[header] = requireHeaderValue(name, value)
  }
  return headers
}

/** What a client puts into a header must not end it. */
function requireHeaderValue(name: string, value: string): string {
  if (/^[\x20-\x7e\x80-\xff\t]*$/.test(value)) return value

  throw new S3Error('InvalidArgument', `${name} is not a header value`)
}
