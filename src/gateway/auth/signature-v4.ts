/**
 * AWS Signature Version 4: who sent a request, by its Authorization header or its presigned query.
 *
 * The checks come in the order, and with the answers, that R2 gives. Comparison takes constant time. The signing key
 * of a day, region and service is derived once.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html
 */

import { hash } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import type { Credentials } from '../../objects/store.ts'
import type { Compat } from '../compat.ts'
import { withoutCustomerKeys } from '../headers/customer-key.ts'
import { S3Error } from '../s3/s3-error.ts'
import { SigningKey } from './signing-key.ts'
import type { Target } from '../connection/target.ts'

const algorithm = 'AWS4-HMAC-SHA256'
const skewMaxMs = 15 * 60 * 1000
const expiresMaxSeconds = 7 * 24 * 60 * 60
const signingKeyCountMax = 1024

/** R2's aliases of its one region, and its location hints. */
const regions = new Set(['auto', '', 'us-east-1', 'wnam', 'enam', 'weur', 'eeur', 'apac', 'oc'])

/** What the signatures of a streamed body's chunks go on from. */
export interface SigningContext {
  signingKey: SigningKey
  /** `YYYYMMDDTHHMMSSZ`. */
  time: string
  /** `date/region/service/aws4_request`. */
  scope: string
  /** Of the request: 64 hex digits. */
  signature: string
}

export interface SignedRequest {
  method: string
  headers: IncomingHttpHeaders
  target: Target
  /** The query as received, without the question mark. */
  rawQuery: string
}

export interface SigningKnowledge {
  credentials: Credentials
  /** Whether the store has a location of this name, which is in lower case. */
  isLocation: (name: string) => Promise<boolean>
  compat: Compat
  /** Milliseconds since the epoch. */
  now: number
}

/** What a client repeats in every request of a day. */
interface Scope {
  accessKeyId: string
  date: string
  region: string
  service: string
}

interface Claim extends Scope {
  time: string
  signedHeaders: readonly string[]
  signature: string
  isPresigned: boolean
}

/**
 * Rejects with the S3Error that R2 gives. Beside R2's regions it takes those that `isLocation` knows: clients sign with
 * what GetBucketLocation tells them.
 */
export async function authenticate(
  request: SignedRequest,
  { credentials, isLocation, compat, now }: SigningKnowledge
): Promise<SigningContext> {
  const { headers, target } = request
  const claim =
    headers.authorization === undefined && target.query.has('X-Amz-Credential')
      ? readPresigned(request, now)
      : readHeader(request, compat, now)

  const regionName = claim.region.toLowerCase()
  if (!regions.has(regionName) && !(await isLocation(regionName))) {
    throw new S3Error(
      'InvalidRegionName',
      `The region name '${claim.region}' is not valid. Must be one of: auto, us-east-1, wnam, enam, weur, eeur, apac, oc`
    )
  }
  const secret = await credentials.secret(claim.accessKeyId)
  if (secret === undefined || !claim.signedHeaders.includes('host')) {
    throw new S3Error('Unauthorized')
  }

  const { date, region, service, time, signature } = claim
  const signingKey = deriveSigningKey(secret, date, region, service)
  const scope = `${date}/${region}/${service}/aws4_request`
  const canonical = canonicalRequest(request, claim)
  const text = `${algorithm}\n${time}\n${scope}\n${hash('sha256', canonical)}`
  if (!signingKey.isSignature(text, signature)) throw mismatch(text, canonical, signature)
  refuseUnsigned(headers, claim.signedHeaders)

  return { signingKey, time, scope, signature }
}

const unsigned = {
  'strict-r2': 'Authorization',
  r2:
    'Authorization: the request has no signature. Sign it with an access key (AWS Signature Version 4), ' +
    'or use a presigned URL, as `r2d presign` makes them'
} satisfies Record<Compat, string>

function readHeader({ headers, target }: SignedRequest, compat: Compat, now: number): Claim {
  const { authorization } = headers
  if (authorization === undefined) throw new S3Error('InvalidArgument', unsigned[compat])
  if (headers['x-amz-content-sha256'] === undefined) {
    throw new S3Error('InvalidRequest', 'Missing x-amz-content-sha256')
  }

  const amzDate = singleHeader(headers['x-amz-date'])
  const time = amzDate ?? headers.date
  if (time === undefined) {
    throw new S3Error('InvalidArgument', 'No date provided in x-amz-date nor date header')
  }
  const source = amzDate === undefined ? 'date' : 'x-amz-date'
  const parsed = parseTime(time)
  if (parsed === undefined) {
    throw new S3Error(
      'InvalidArgument',
      `Date provided in '${source}' header (${time}) didn't parse successfully`
    )
  }
  if (Math.abs(now - parsed) > skewMaxMs) throw new S3Error('RequestTimeTooSkewed')

  const { credential, signedHeaders, signature } = readAuthorization(authorization)
  refuseSessionToken(headers['x-amz-security-token'] ?? target.query.get('X-Amz-Security-Token'))
  const { accessKeyId, date, region, service } = parseCredential(credential, time)
  return { accessKeyId, date, region, service, time, signedHeaders, signature, isPresigned: false }
}

const presignedNames = [
  'X-Amz-Algorithm',
  'X-Amz-Signature',
  'X-Amz-Date',
  'X-Amz-SignedHeaders',
  'X-Amz-Expires'
] as const

function readPresigned({ target: { query } }: SignedRequest, now: number): Claim {
  const missing = presignedNames.filter(name => !query.has(name))
  if (missing.length > 0) {
    const noun = missing.length === 1 ? 'parameter' : 'parameters'
    throw new S3Error('InvalidArgument', `Required search ${noun} ${missing.join(',  ')} missing`)
  }
  const field = (name: string): string => query.get(name) ?? ''
  if (field('X-Amz-Algorithm') !== algorithm) {
    throw new S3Error('InvalidRequest', 'Please use AWS4-HMAC-SHA256')
  }

  const time = field('X-Amz-Date')
  const parsed = parseTime(time)
  if (parsed === undefined) {
    throw new S3Error(
      'InvalidArgument',
      `Date provided in X-Amz-Date (${time}) didn't parse successfully`
    )
  }
  requireUnexpired(field('X-Amz-Expires'), parsed, now)

  refuseSessionToken(query.get('X-Amz-Security-Token'))
  return {
    ...parseCredential(field('X-Amz-Credential'), time),
    time,
    signedHeaders: field('X-Amz-SignedHeaders').split(';'),
    signature: field('X-Amz-Signature'),
    isPresigned: true
  }
}

function requireUnexpired(expires: string, signed: number, now: number): void {
  const seconds = expires.trim() === '' ? NaN : Number(expires)
  if (Number.isNaN(seconds))
    throw new S3Error('InvalidArgument', 'X-Amz-Expires should be a number')
  if (seconds > expiresMaxSeconds) {
    throw new S3Error(
      'InvalidArgument',
      'X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than 604800 seconds'
    )
  }
  if (seconds < 1 || now > signed + seconds * 1000) throw new S3Error('ExpiredRequest')
  if (signed - now > skewMaxMs) throw new S3Error('RequestTimeTooSkewed')
}

/** Permanent keys have no session. */
function refuseSessionToken(token: string | string[] | undefined): void {
  if (token !== undefined) throw new S3Error('InvalidArgument', 'X-Amz-Security-Token')
}

interface Authorization {
  credential: string
  signedHeaders: readonly string[]
  signature: string
}

/** Of the header up to the signature: a client sends the same for a day. */
const knownAuthorizations = new Map<string, Omit<Authorization, 'signature'>>()
const knownAuthorizationCountMax = 1024
const knownAuthorizationSizeMax = 512
const signatureField = 'Signature='
const signatureSize = 64

function readAuthorization(header: string): Authorization {
  const end = header.length - signatureSize
  const isLast = header.startsWith(signatureField, end - signatureField.length)
  const prefix = isLast ? header.slice(0, end) : ''
  const known = isLast ? knownAuthorizations.get(prefix) : undefined
  if (known !== undefined) return { ...known, signature: header.slice(end) }

  const fields = parseAuthorization(header)
  const [credential, signedHeaders, signature] = [
    fields?.get('Credential'),
    fields?.get('SignedHeaders'),
    fields?.get('Signature')
  ]
  if (credential === undefined || signedHeaders === undefined || signature === undefined) {
    throw new S3Error('InvalidRequest', 'Please use AWS4-HMAC-SHA256')
  }

  const parsed = { credential, signedHeaders: signedHeaders.split(';') }
  if (isLast && end <= knownAuthorizationSizeMax && signature === header.slice(end)) {
    if (knownAuthorizations.size >= knownAuthorizationCountMax) knownAuthorizations.clear()
    knownAuthorizations.set(prefix, parsed)
  }
  return { ...parsed, signature }
}

function parseAuthorization(header: string): Map<string, string> | undefined {
  if (!header.startsWith(`${algorithm} `)) return undefined

  const fields = new Map<string, string>()
  for (const part of header.slice(algorithm.length).split(',')) {
    const equals = part.indexOf('=')
    if (equals !== -1) fields.set(part.slice(0, equals).trim(), part.slice(equals + 1).trim())
  }
  return fields
}

function parseCredential(credential: string, time: string): Scope {
  const parts = credential.split('/')
  if (parts.length < 5) {
    throw new S3Error(
      'InvalidArgument',
      `Credential sigv4 header should have at least 5 slash-separated parts, not ${parts.length}`
    )
  }
  const [date = '', region = '', service = '', terminator = ''] = parts.slice(-4)
  if (service !== 's3') {
    throw new S3Error('InvalidArgument', `Credential service should be s3, not ${service}`)
  }
  if (terminator !== 'aws4_request') {
    throw new S3Error(
      'InvalidArgument',
      `Credential termination string should be aws4_request, not ${terminator}`
    )
  }
  if (date !== time.slice(0, 8)) {
    throw new S3Error(
      'InvalidArgument',
      `Credential signed date ${date} does not match ${time.slice(0, 8)} from 'x-amz-date' header`
    )
  }

  return { accessKeyId: parts.slice(0, -4).join('/'), date, region, service }
}

let lastTime: { text: string; parsed: number | undefined } = { text: '', parsed: undefined }

/** `YYYYMMDDTHHMMSSZ` as milliseconds since the epoch. The requests of a second share it. */
function parseTime(text: string): number | undefined {
  if (text !== lastTime.text) lastTime = { text, parsed: toMilliseconds(text) }

  return lastTime.parsed
}

function toMilliseconds(text: string): number | undefined {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text)
  if (match === null) return undefined

  const [year, month, day, hour, minute, second] = match.slice(1)
  const parsed = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`)
  return Number.isNaN(parsed) ? undefined : parsed
}

function canonicalRequest(request: SignedRequest, { signedHeaders, isPresigned }: Claim): string {
  const { method, headers, target, rawQuery } = request
  let lines = ''
  for (const name of signedHeaders) {
    // The names are the client's: `constructor` is no header.
    const value = Object.hasOwn(headers, name) ? headers[name] : undefined
    lines += `${name}:${canonicalValue(value)}\n`
  }
  const payload = isPresigned
    ? (singleHeader(headers['x-amz-content-sha256']) ?? 'UNSIGNED-PAYLOAD')
    : singleHeader(headers['x-amz-content-sha256'])

  return `${method}\n${target.rawPath}\n${canonicalQuery(rawQuery)}\n${lines}\n${signedHeaders.join(';')}\n${payload ?? ''}`
}

/** Part of what is signed, whether or not they are named in it. */
const alwaysSigned = new Set(['x-amz-content-sha256', 'x-amz-date'])

/** As S3: who holds a signature, such as that of a presigned URL, may not give the request another meaning. */
function refuseUnsigned(headers: IncomingHttpHeaders, signedHeaders: readonly string[]): void {
  for (const name in headers) {
    if (!name.startsWith('x-amz-') || signedHeaders.includes(name) || alwaysSigned.has(name))
      continue

    throw new S3Error(
      'AccessDenied',
      'There were headers present in the request which were not signed',
      { detail: [['HeadersNotSigned', name]] }
    )
  }
}

function canonicalValue(value: string | string[] | undefined): string {
  const text = Array.isArray(value) ? value.join(',') : (value ?? '')

  return text.includes('  ') ? text.trim().replaceAll(/ +/g, ' ') : text.trim()
}

function canonicalQuery(rawQuery: string): string {
  if (rawQuery === '') return ''

  const pairs: [string, string][] = []
  for (const pair of rawQuery.split('&')) {
    if (pair === '') continue
    const equals = pair.indexOf('=')
    const name = reencode(equals === -1 ? pair : pair.slice(0, equals))
    if (name !== 'X-Amz-Signature') {
      pairs.push([name, equals === -1 ? '' : reencode(pair.slice(equals + 1))])
    }
  }
  pairs.sort(([a, x], [b, y]) => compare(a, b) || compare(x, y))
  return pairs.map(([name, value]) => `${name}=${value}`).join('&')
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** As RFC 3986 would encode it, however the client did. */
function reencode(text: string): string {
  if (/^[\w.~-]*$/.test(text)) return text

  // The target was decoded before: this does not fail.
  return encodeURIComponent(decodeURIComponent(text.replaceAll('+', ' '))).replaceAll(
    /[!'()*]/g,
    character => `%${character.charCodeAt(0).toString(16).toUpperCase()}`
  )
}

const signingKeys = new Map<string, SigningKey>()

function deriveSigningKey(
  secret: string,
  date: string,
  region: string,
  service: string
): SigningKey {
  const name = `${date}/${region}/${service}/${secret}`
  const known = signingKeys.get(name)
  if (known !== undefined) return known

  const key = SigningKey.derive(secret, date, region, service)
  if (signingKeys.size >= signingKeyCountMax) signingKeys.clear()
  signingKeys.set(name, key)
  return key
}

function mismatch(text: string, canonicalText: string, signature: string): S3Error {
  const canonical = withoutCustomerKeys(canonicalText)
  const bytesOf = (value: string): string => {
    return Buffer.from(value)
      .toString('hex')
      .replaceAll(/..(?=.)/g, '$& ')
  }

  return new S3Error('SignatureDoesNotMatch', undefined, {
    detail: [
      ['StringToSign', text],
      ['StringToSignBytes', bytesOf(text)],
      ['CanonicalRequest', canonical],
      ['CanonicalRequestBytes', bytesOf(canonical)],
      ['SignatureProvided', signature]
    ]
  })
}

function singleHeader(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value
}
