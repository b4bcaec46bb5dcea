/**
 * What an S3 operation is given, and what it answers.
 */

import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http'
import type { Store, WriteInterval } from '../../objects/store.ts'
import type { BodyOptions, VerifiedBody } from '../body/verified-body.ts'
import type { Compat } from '../compat.ts'
import type { Query } from '../connection/target.ts'
import { notImplemented, S3Error } from './s3-error.ts'
import { document, type XmlContents } from './xml.ts'

export interface S3Request {
  store: Store
  compat: Compat
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
  content: XmlContents | string,
  headers: OutgoingHttpHeaders = {}
): S3Response {
  return {
    status: 200,
    headers: { 'content-type': 'application/xml', ...headers },
    body: document(root, content)
  }
}

/** R2: one write a second to a key, milliseconds between two. */
const strictIntervalMs = 1000

export function writeIntervalOf({ compat }: Pick<S3Request, 'compat'>): WriteInterval {
  return compat === 'strict-r2' ? { minIntervalMs: strictIntervalMs } : {}
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
