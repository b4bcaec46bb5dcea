/**
 * GetObject and HeadObject: `GET` and `HEAD /{bucket}/{key}`.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html
 */

import type { OutgoingHttpHeaders } from 'node:http'
import type { GetOptions, HeadResult } from '../../objects/store.ts'
import { readPrecondition } from '../conditions.ts'
import { writeObjectHeaders } from '../object-headers.ts'
import { parseRange } from '../range.ts'
import { screenRead, type S3Request, type S3Response } from './operation.ts'
import { S3Error } from './s3-error.ts'

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
  const result = await store.get(bucket, key, readOptions(request))
  const { status, headers } = describe(request, result)

  return result.kind === 'object' ? { status, headers, body: result.body } : { status, headers }
}

export async function headObject(request: S3Request): Promise<S3Response> {
  const { store, bucket, key } = request

  return describe(request, await store.head(bucket, key, readOptions(request)))
}

function readOptions({ headers }: S3Request): GetOptions {
  screenRead(headers)
  const precondition = readPrecondition(headers)
  const range = headers.range === undefined ? undefined : parseRange(headers.range)

  return {
    ...(precondition === undefined ? {} : { precondition }),
    ...(range === undefined ? {} : { range })
  }
}

function describe(
  { headers: asked, query }: S3Request,
  result: HeadResult
): { status: number; headers: OutgoingHttpHeaders } {
  if (result.kind === 'range-not-satisfiable') throw new S3Error('InvalidRange')

  const isPart = asked.range !== undefined
  // Without a body there is nothing that they could be checked against, and SDKs would try.
  const hasWhole = result.kind === 'object' && !isPart
  const withChecksums = hasWhole && String(asked['x-amz-checksum-mode']).toUpperCase() === 'ENABLED'
  const headers = writeObjectHeaders(result.info, { withChecksums })
  for (const [name, header] of overrides) {
    const value = query.get(name)
    if (value !== undefined) headers[header] = requireHeaderValue(name, value)
  }
  if (result.kind === 'not-modified') return { status: 304, headers }

  const { offset, length, info } = result
  headers['content-length'] = length
  if (!isPart) return { status: 200, headers }
  headers['content-range'] = `bytes ${offset}-${offset + length - 1}/${info.size}`
  return { status: 206, headers }
}

/** What a client puts into a header must not end it. */
function requireHeaderValue(name: string, value: string): string {
  if (/^[\x20-\x7e\x80-\xff\t]*$/.test(value)) return value

  throw new S3Error('InvalidArgument', `${name} is not a header value`)
}
