/**
 * What an S3 operation is given, and what it answers.
 */

import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http'
import type { Store } from '../../objects/store.ts'
import type { BodyOptions, VerifiedBody } from '../body.ts'
import type { Query } from '../target.ts'
import { notImplemented, S3Error } from './s3-error.ts'
import { document, type XmlElement } from './xml.ts'

export interface S3Request {
  store: Store
  method: string
  /** Empty where the operation is on none. */
  bucket: string
  key: string
  query: Query
  headers: IncomingHttpHeaders
  /** Opens the request's body; the client is told to go on sending, if it waits for that. */
  body: (options?: BodyOptions) => VerifiedBody
}

export interface S3Response {
  status: number
  headers?: OutgoingHttpHeaders
  /**
   * Bytes that are there, or that come; what comes has its Content-Length among the headers, and each piece of it is the
   * gateway's until it asks for the next.
   */
  body?: Buffer | AsyncIterable<Buffer>
}

export type Operation = (request: S3Request) => Promise<S3Response>

export function xmlResponse(
  root: string,
  content: XmlElement[] | string,
  headers: OutgoingHttpHeaders = {}
): S3Response {
  return {
    status: 200,
    headers: { 'content-type': 'application/xml', ...headers },
    body: document(root, content)
  }
}

/** Headers that R2 does not know what to do with, for what they are on: better refused than ignored. */
export function refuseHeaders(headers: IncomingHttpHeaders, names: readonly string[]): void {
  for (const name of names) {
    const value = headers[name]
    if (value !== undefined) throw notImplemented(`Header '${name}' with value '${String(value)}'`)
  }
}

/** Query parameters that an operation has no meaning for. Those that belong to signing are always fine. */
export function refuseQuery(query: Query, operation: string, allowed: readonly string[]): void {
  for (const name of query.keys()) {
    if (allowed.includes(name) || isIgnored(name)) continue
    throw notImplemented(`${operation} search parameter ${name}`)
  }
}

export function isIgnored(name: string): boolean {
  return name === 'x-id' || name === 'x-purpose' || name.toLowerCase().startsWith('x-amz-')
}

const ownerHeader = 'x-amz-expected-bucket-owner'

const writeHeaders = [
  ownerHeader,
  'x-amz-tagging',
  'x-amz-grant-full-control',
  'x-amz-grant-read',
  'x-amz-grant-read-acp',
  'x-amz-grant-write',
  'x-amz-grant-write-acp',
  'x-amz-website-redirect-location',
  'x-amz-object-lock-mode',
  'x-amz-object-lock-retain-until-date',
  'x-amz-object-lock-legal-hold',
  'x-amz-server-side-encryption-aws-kms-key-id',
  'x-amz-server-side-encryption-context',
  'x-amz-server-side-encryption-bucket-key-enabled'
]

const customerKeyHeaders = [
  'x-amz-server-side-encryption-customer-algorithm',
  'x-amz-server-side-encryption-customer-key',
  'x-amz-server-side-encryption-customer-key-md5'
]

const acls = new Set([
  'private',
  'public-read',
  'public-read-write',
  'authenticated-read',
  'aws-exec-read',
  'bucket-owner-read',
  'bucket-owner-full-control'
])

/** The screening tables of R2, by what an operation does. */
export function screenWrite(headers: IncomingHttpHeaders, more: readonly string[] = []): void {
  refuseHeaders(headers, [...writeHeaders, ...more])
  refuseCustomerKeys(headers)
  const encryption = headers['x-amz-server-side-encryption']
  if (encryption !== undefined && encryption !== 'AES256') {
    refuseHeaders(headers, ['x-amz-server-side-encryption'])
  }
  const acl = headers['x-amz-acl']
  if (acl !== undefined && !acls.has(String(acl))) refuseHeaders(headers, ['x-amz-acl'])
}

export function screenRead(headers: IncomingHttpHeaders): void {
  refuseHeaders(headers, [ownerHeader])
  refuseCustomerKeys(headers)
}

export function screenDelete(headers: IncomingHttpHeaders): void {
  refuseHeaders(headers, [ownerHeader, 'x-amz-mfa', 'x-amz-bypass-governance-retention'])
}

/** The value is a secret: it is not repeated in the answer. */
function refuseCustomerKeys(headers: IncomingHttpHeaders): void {
  for (const name of customerKeyHeaders) {
    if (headers[name] !== undefined) throw notImplemented(`Header '${name}'`)
  }
}

/** `Number()`, whole, at least 0; R2 serves at most `max`, and says InvalidMaxKeys for what is no number. */
export function readMaxKeys(
  text: string | undefined,
  max: number
): { asked: number; limit: number } {
  if (text === undefined) return { asked: max, limit: max }

  const value = text.trim() === '' ? NaN : Math.floor(Number(text))
  if (!Number.isFinite(value) || value < 0) throw new S3Error('InvalidMaxKeys')
  return { asked: value, limit: Math.min(value, max) }
}
