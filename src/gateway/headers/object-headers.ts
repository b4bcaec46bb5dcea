/**
 * Between an object's metadata and HTTP headers.
 */

import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http'
import type { Checksums, HttpMetadata, StorageClass } from '../../metadata/object-record.ts'
import type { ObjectInfo } from '../../objects/store.ts'
import { checksumHeader, checksumNames } from './checksum-headers.ts'
import { writeCustomerKey } from './customer-key.ts'
import { decodeWords, encodeWord } from './encoded-words.ts'
import { S3Error } from '../s3/s3-error.ts'

const metaPrefix = 'x-amz-meta-'
/** RFC 9110 section 5.6.2. */
const headerName = /^[\w!#$%&'*+.^`|~-]+$/

const contentHeaders = [
  ['contentType', 'content-type'],
  ['contentLanguage', 'content-language'],
  ['contentDisposition', 'content-disposition'],
  ['contentEncoding', 'content-encoding'],
  ['cacheControl', 'cache-control'],
  ['expires', 'expires']
] as const satisfies readonly (readonly [keyof HttpMetadata, string])[]

export function readHttpMetadata(headers: IncomingHttpHeaders): HttpMetadata {
  const metadata: HttpMetadata = {}
  for (const [name, header] of contentHeaders) {
    const value = headers[header]
    if (typeof value === 'string' && value !== '') metadata[name] = value
  }

  // How the body travels is not how the object is encoded.
  const { contentEncoding, ...others } = metadata
  const encodings = contentEncoding
    ?.split(',')
    .map(encoding => encoding.trim())
    .filter(encoding => encoding !== 'aws-chunked' && encoding !== '')
  return encodings === undefined || encodings.length === 0
    ? others
    : { ...others, contentEncoding: encodings.join(', ') }
}

/** In the order of names. */
export function readCustomMetadata(headers: IncomingHttpHeaders): [string, string][] {
  const metadata: [string, string][] = []
  for (const [header, value] of Object.entries(headers)) {
    if (!header.startsWith(metaPrefix) || value === undefined) continue
    const text = Array.isArray(value) ? value.join(',') : value
    // Node.js gives header bytes as Latin-1; clients send UTF-8 or RFC 2047.
    metadata.push([header.slice(metaPrefix.length), decodeWords(utf8Of(text))])
  }
  return metadata.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
}

export function readStorageClass(headers: IncomingHttpHeaders): StorageClass | undefined {
  const value = headers['x-amz-storage-class']
  if (value === undefined) return undefined
  if (value === 'STANDARD' || value === 'STANDARD_IA') return value
  throw new S3Error('InvalidStorageClass')
}

/** What GET and HEAD say of an object, Content-Length and Content-Range aside. */
export function writeObjectHeaders(
  info: ObjectInfo,
  { withChecksums }: { withChecksums: boolean }
): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = {
    'accept-ranges': 'bytes',
    etag: `"${info.etag}"`,
    'last-modified': httpDate(info.uploaded),
    'content-type': 'application/octet-stream'
  }
  for (const [name, header] of contentHeaders) {
    const value = info.httpMetadata[name]
    if (value !== undefined) headers[header] = value
  }
  let missing = 0
  for (const [name, value] of info.customMetadata) {
    // A Worker may have written a name that no header can have.
    if (headerName.test(name)) headers[metaPrefix + name] = encodeWord(value)
    else missing++
  }
  if (missing > 0) headers['x-amz-missing-meta'] = missing
  if (info.tags.length > 0) headers['x-amz-tagging-count'] = info.tags.length
  if (info.customerKeyMd5 !== undefined) {
    Object.assign(headers, writeCustomerKey(info.customerKeyMd5))
  }
  if (info.storageClass !== 'STANDARD') headers['x-amz-storage-class'] = info.storageClass
  if (withChecksums) Object.assign(headers, writeChecksums(info))
  if (info.expiration !== undefined) Object.assign(headers, writeExpiration(info))
  return headers
}

/** Milliseconds since the epoch that a date can have. */
const timeMax = 8.64e15

/** `x-amz-expiration`, if a lifecycle rule is going to delete the object. */
export function writeExpiration({ expiration }: ObjectInfo): OutgoingHttpHeaders {
  if (expiration === undefined || expiration.time > timeMax) return {}
  const date = new Date(expiration.time).toUTCString()

  return {
    'x-amz-expiration': `expiry-date="${date}", rule-id="${encodeURIComponent(expiration.ruleId)}"`
  }
}

/** One that is of the parts' checksums says of how many. */
export function writeChecksums(info: ObjectInfo): OutgoingHttpHeaders {
  const { checksums, isComposite, partCount } = info
  const headers = writeChecksumValues(checksums, isComposite ? partCount : undefined)
  if (Object.keys(headers).length > 0) {
    headers['x-amz-checksum-type'] = isComposite ? 'COMPOSITE' : 'FULL_OBJECT'
  }
  return headers
}

export function writeChecksumValues(checksums: Checksums, partCount?: number): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = {}
  for (const name of checksumNames) {
    const value = checksums[name]?.toString('base64')
    if (value === undefined) continue
    headers[checksumHeader(name)] = partCount === undefined ? value : `${value}-${partCount}`
  }
  return headers
}

let lastDate = { second: -1, text: '' }

/** RFC 9110 section 5.6.7. Objects are written in runs: the last one's is often this one's. */
export function httpDate(time: number): string {
  const second = Math.floor(time / 1000)
  if (lastDate.second !== second) lastDate = { second, text: new Date(time).toUTCString() }

  return lastDate.text
}

function utf8Of(latin1: string): string {
  if (/^[\x20-\x7e]*$/.test(latin1)) return latin1
  const text = Buffer.from(latin1, 'latin1').toString('utf8')

  return text.includes('\ufffd') ? latin1 : text
}
