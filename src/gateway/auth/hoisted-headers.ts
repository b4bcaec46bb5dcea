/**
 * Headers that a presigned URL carries in its query, where the signer has moved them: they are as good as sent.
 *
 * Some SDKs sign the checksum of the empty body that they had at that time into the URL of an upload. R2 holds what is
 * uploaded against it, and refuses it; a client that wants to upload something cannot have meant that.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
 */

import type { IncomingHttpHeaders } from 'node:http'
import { Digests } from '../../objects/digests.ts'
import { checksumHeader, checksumNames } from '../headers/checksum-headers.ts'
import type { Compat } from '../compat.ts'
import type { Query } from '../connection/target.ts'

const algorithmHeader = 'x-amz-sdk-checksum-algorithm'

/** Those that are the signature's own. */
const signing: ReadonlySet<string> = new Set([
  'x-amz-algorithm',
  'x-amz-content-sha256',
  'x-amz-credential',
  'x-amz-date',
  'x-amz-expires',
  'x-amz-security-token',
  'x-amz-signature',
  'x-amz-signedheaders'
])

/** A header that was sent beats one in the query. */
export function withHoistedHeaders(
  headers: IncomingHttpHeaders,
  query: Query,
  compat: Compat
): IncomingHttpHeaders {
  if (headers.authorization !== undefined || !query.has('X-Amz-Signature')) return headers

  const all = { ...headers }
  for (const [parameter, value] of query) {
    const name = parameter.toLowerCase()
    if (all[name] !== undefined || !name.startsWith('x-amz-') || signing.has(name)) continue
    // As Node.js gives the bytes of a header.
    all[name] = Buffer.from(value).toString('latin1')
  }
  return compat === 'r2' ? withoutEmptyChecksum(all, query) : all
}

function withoutEmptyChecksum(headers: IncomingHttpHeaders, query: Query): IncomingHttpHeaders {
  if (headers['content-length'] === '0') return headers

  const kept = { ...headers }
  for (const name of checksumNames) {
    const header = checksumHeader(name)
    if (!query.has(header) || query.get(header) !== emptyChecksum(name)) continue
    Reflect.deleteProperty(kept, header)
    Reflect.deleteProperty(kept, algorithmHeader)
  }
  return kept
}

function emptyChecksum(name: (typeof checksumNames)[number]): string | undefined {
  return new Digests([name]).finish()[name]?.toString('base64')
}
