/**
 * Cross-origin requests: preflights are answered from the bucket's rules, without a signature because browsers send
 * none, and every other answer, an error too, says whether the page that asked may see it.
 *
 * The first rule that matches counts. Methods compare exactly, headers without regard to case.
 *
 * https://fetch.spec.whatwg.org/#http-cors-protocol
 * https://docs.aws.amazon.com/AmazonS3/latest/API/RESTOPTIONSobject.html
 */

import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http'
import { R2dError } from '../errors.ts'
import { corsMethods } from '../metadata/cors-record.ts'
import type { CorsRule, Store } from '../objects/store.ts'
import type { S3Response } from './s3/operation.ts'
import { S3Error } from './s3/s3-error.ts'
import type { Target } from './connection/target.ts'

const vary = 'Origin, Access-Control-Request-Headers, Access-Control-Request-Method'

/** `OPTIONS`, which is a preflight or nothing. */
export async function answerPreflight(
  store: Store,
  { bucket, key }: Target,
  headers: IncomingHttpHeaders
): Promise<S3Response> {
  const { origin } = headers
  const method = headers['access-control-request-method']
  if (bucket === undefined) throw new S3Error('RouteNotFound')
  if (origin === undefined) {
    throw new S3Error('BadRequest', 'Insufficient information. Origin request header needed.')
  }
  if (!corsMethods.some(each => each === method)) {
    throw new S3Error('BadRequest', `Invalid Access-Control-Request-Method: ${method ?? 'null'}`)
  }

  const forbidden = (reason: string): S3Error =>
    new S3Error('AccessForbidden', `CORSResponse: ${reason}`, {
      detail: [
        ['Method', method ?? ''],
        ['ResourceType', key === undefined ? 'BUCKET' : 'OBJECT']
      ]
    })
  const rules = await rulesOf(store, bucket)
  if (rules === 'no-bucket') throw forbidden('Bucket not found')
  if (rules === undefined) throw forbidden('CORS is not enabled for this bucket.')

  const asked = parseNames(headers['access-control-request-headers'] ?? '')
  const rule = rules.find(each => matches(each, origin, method) && allowsHeaders(each, asked))
  if (rule === undefined) {
    throw forbidden(
      'This CORS request is not allowed. This is usually because the evalution of Origin, request method / ' +
        "Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the resource's CORS spec."
    )
  }
  return {
    status: 200,
    headers: {
      ...describe(rule, origin),
      ...(asked.length === 0 ? {} : { 'access-control-allow-headers': asked.join(', ') }),
      ...(rule.maxAge === undefined ? {} : { 'access-control-max-age': String(rule.maxAge) })
    }
  }
}

/** What the answer to a request from `origin` has beside its own headers, whatever the answer is. */
export async function crossOriginHeaders(
  store: Store,
  bucket: string,
  method: string,
  origin: string
): Promise<OutgoingHttpHeaders> {
  const rules = await rulesOf(store, bucket)
  if (rules === undefined || rules === 'no-bucket') return {}

  const rule = rules.find(each => matches(each, origin, method))
  // A cache must not give one origin the answer that another one got.
  return rule === undefined ? { vary } : describe(rule, origin)
}

async function rulesOf(
  store: Store,
  bucket: string
): Promise<readonly CorsRule[] | undefined | 'no-bucket'> {
  try {
    return await store.getBucketCors(bucket)
  } catch (error) {
    if (error instanceof R2dError && error.code === 'R2D_NO_SUCH_BUCKET') return 'no-bucket'
    throw error
  }
}

function matches(rule: CorsRule, origin: string, method: string | undefined): boolean {
  return (
    rule.allowedMethods.some(each => each === method) &&
    rule.allowedOrigins.some(pattern => isLike(origin, pattern))
  )
}

function allowsHeaders({ allowedHeaders }: CorsRule, asked: readonly string[]): boolean {
  if (asked.length === 0) return true
  const patterns = allowedHeaders.map(pattern => pattern.toLowerCase())

  return asked.every(name => patterns.some(pattern => isLike(name, pattern)))
}

/** A pattern has at most one `*`, which stands for any text. */
function isLike(text: string, pattern: string): boolean {
  const star = pattern.indexOf('*')
  if (star === -1) return text === pattern

  const end = pattern.length - star - 1
  return (
    text.length >= star + end &&
    text.startsWith(pattern.slice(0, star)) &&
    text.endsWith(pattern.slice(star + 1))
  )
}

function describe(rule: CorsRule, origin: string): OutgoingHttpHeaders {
  const isPublic = rule.allowedOrigins.includes('*')

  return {
    vary,
    'access-control-allow-origin': isPublic ? '*' : origin,
    'access-control-allow-methods': rule.allowedMethods.join(', '),
    ...(rule.exposeHeaders.length === 0
      ? {}
      : { 'access-control-expose-headers': rule.exposeHeaders.join(', ') }),
    ...(isPublic ? {} : { 'access-control-allow-credentials': 'true' })
  }
}

/** In lower case, each once. */
function parseNames(header: string): string[] {
  const names = header
    .split(',')
    .map(name => name.trim().toLowerCase())
    .filter(name => name !== '')

  return [...new Set(names)]
}
