/**
 * What makes the head of a request one that two programs could read in two ways, though the HTTP parser lets it pass.
 *
 * Between a proxy and this server such a request can hide another one. It is refused, and nothing that follows it on
 * the connection is looked at.
 *
 * https://www.rfc-editor.org/rfc/rfc9112#name-message-body-length
 */

import type { IncomingMessage } from 'node:http'
import { S3Error } from '../s3/s3-error.ts'

/** More than a head can have of the shortest `x-amz-meta-` headers. Node.js drops what is over a count, and says nothing. */
export const headerCountMax = 3000

/** RFC 3986: a name or address, and a port. Empty is allowed. */
const hostFormat = /^[\w.~!$&'()*+,;=%:[\]-]*$/

export function faultOfHead(request: IncomingMessage): S3Error | undefined {
  const { httpVersionMajor: major, httpVersionMinor: minor, headers, rawHeaders } = request
  if (major !== 1) return new S3Error('HttpVersionNotSupported')

  if (rawHeaders.length > 2 * headerCountMax) return new S3Error('MetadataTooLarge')

  const hostCount = countHosts(rawHeaders)
  if (hostCount > 1 || (hostCount === 0 && minor > 0)) {
    return new S3Error('InvalidRequest', 'A request has exactly one Host header')
  }
  if (headers.host !== undefined && !hostFormat.test(headers.host)) {
    return new S3Error('InvalidRequest', 'The Host header is not valid')
  }

  const coding = headers['transfer-encoding']
  if (coding === undefined) return undefined
  if (minor === 0) {
    return new S3Error('InvalidRequest', 'HTTP/1.0 has no Transfer-Encoding')
  }
  return coding.toLowerCase() === 'chunked'
    ? undefined
    : new S3Error('NotImplemented', `Transfer-Encoding other than chunked is not implemented`)
}

/** Node.js keeps the first of several, where another program may keep the last. */
function countHosts(rawHeaders: readonly string[]): number {
  let count = 0
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]
    if (name?.length === 4 && name.toLowerCase() === 'host') count++
  }
  return count
}
