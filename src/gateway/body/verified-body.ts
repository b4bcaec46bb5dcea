/**
 * The body of a write: raw or aws-chunked, of the length that was announced, and with the digests to verify it by.
 *
 * The chunks throw in place of their end if the length or a signature is wrong; `verify` throws if a digest is. Both come
 * before the commit, so that what is refused is stored nowhere.
 */

import type { IncomingHttpHeaders } from 'node:http'
import { putSizeMax } from '../../limits.ts'
import type { Checksums } from '../../metadata/object-record.ts'
import { Digests } from '../../objects/digests.ts'
import type { DigestName } from '../../objects/store.ts'
import { ChunkedDecoder } from './aws-chunked.ts'
import {
  checksumNames,
  checksumOfHeader,
  parseChecksum,
  readAlgorithm,
  readExpected,
  requireDigests,
  severalChecksums,
  type ChecksumName,
  type ExpectedDigests
} from '../headers/checksum-headers.ts'
import type { Compat } from '../compat.ts'
import { SmallBody } from './small-body.ts'
import { notImplemented, S3Error } from '../s3/s3-error.ts'
import type { SigningContext } from '../auth/signature-v4.ts'

/** What `x-amz-content-sha256` says of the body. */
export type Payload =
  | { kind: 'unsigned' }
  | { kind: 'sha256'; digest: Buffer }
  | { kind: 'chunked'; isSigned: boolean; hasTrailers: boolean }

export interface VerifiedBody {
  /** Each is the reader's until it asks for the next. */
  chunks: AsyncIterable<Uint8Array>
  /** Bytes that `chunks` yields, if the client said how many. */
  size: number | undefined
  digests: DigestName[]
  /** Throws to refuse; returns what to keep with the object. */
  verify: (digests: Checksums) => Checksums
}

export interface BodyOptions {
  /** Whether the `x-amz-checksum-` headers are of the body; else they are of what it is about. */
  hasChecksums?: boolean
}

interface OpenBodyOptions extends BodyOptions {
  signing: SigningContext | undefined
  compat: Compat
}

const signedChunks: ReadonlySet<string> = new Set([
  'STREAMING-AWS4-HMAC-SHA256-PAYLOAD',
  'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER'
])

/** NotImplemented for the signed chunks that R2 does not take, if the endpoint is to be strict. */
export function readPayload(headers: IncomingHttpHeaders, compat: Compat): Payload {
  const value = headers['x-amz-content-sha256']
  if (value === undefined || value === 'UNSIGNED-PAYLOAD') return { kind: 'unsigned' }

  if (compat === 'strict-r2' && signedChunks.has(String(value))) {
    throw notImplemented(String(value))
  }
  switch (value) {
    case 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD':
      return { kind: 'chunked', isSigned: true, hasTrailers: false }
    case 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER':
      return { kind: 'chunked', isSigned: true, hasTrailers: true }
    case 'STREAMING-UNSIGNED-PAYLOAD-TRAILER':
      return { kind: 'chunked', isSigned: false, hasTrailers: true }
  }
  if (typeof value === 'string' && /^[0-9a-f]{64}$/i.test(value)) {
    return { kind: 'sha256', digest: Buffer.from(value, 'hex') }
  }
  throw new S3Error(
    'InvalidArgument',
    'x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, ' +
      'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER, STREAMING-UNSIGNED-PAYLOAD-TRAILER or a valid sha256 value.'
  )
}

export function openBody(
  headers: IncomingHttpHeaders,
  source: AsyncIterable<Uint8Array>,
  payload: Payload,
  { signing, compat, hasChecksums = true }: OpenBodyOptions
): VerifiedBody {
  const expected = readExpected(headers, { hasChecksums })
  const size = readSize(headers, payload, compat)
  if (size !== undefined && size > putSizeMax) throw new S3Error('EntityTooLarge')

  const trailerName = readTrailerName(headers, payload)
  const digests: DigestName[] = Object.keys(expected) as DigestName[]
  if (payload.kind === 'sha256') digests.push('sha256')
  if (trailerName !== undefined) digests.push(trailerName)
  const sent = checksumNames.find(name => expected[name] !== undefined)
  if (sent !== undefined && trailerName !== undefined) throw severalChecksums()
  const wanted = hasChecksums ? readAlgorithm(headers, sent ?? trailerName) : undefined
  if (wanted !== undefined) digests.push(wanted)

  const decoder =
    payload.kind === 'chunked'
      ? new ChunkedDecoder({
          signing: payload.isSigned ? signing : undefined,
          hasTrailers: payload.hasTrailers
        })
      : undefined
  const decoded = decoder === undefined ? source : decode(source, decoder)

  const verify = (found: Checksums): Checksums => {
    if (payload.kind === 'sha256' && found.sha256?.equals(payload.digest) !== true) {
      throw new S3Error('XAmzContentSHA256Mismatch')
    }
    const all = { ...expected, ...readTrailer(decoder, trailerName) }
    requireDigests(all, found)
    return keep([...(Object.keys(all) as DigestName[]), wanted], found)
  }
  const isExact = size === undefined || (decoder === undefined && source instanceof SmallBody)
  return { chunks: isExact ? decoded : exactly(decoded, size), size, digests, verify }
}

/** The whole of a small body, verified. `sizeMax` bounds what is read into memory. */
export async function readBody(
  { chunks, size, digests: names, verify }: VerifiedBody,
  sizeMax: number
): Promise<Buffer> {
  if (size !== undefined && size > sizeMax) throw new S3Error('EntityTooLarge')

  const digests = new Digests(names)
  const pieces: Uint8Array[] = []
  let received = 0
  for await (const chunk of chunks) {
    received += chunk.length
    if (received > sizeMax) throw new S3Error('EntityTooLarge')
    digests.update(chunk)
    // It is ours only until the next is asked for.
    pieces.push(Buffer.from(chunk))
  }
  verify(digests.finish())
  return Buffer.concat(pieces)
}

function readSize(
  headers: IncomingHttpHeaders,
  payload: Payload,
  compat: Compat
): number | undefined {
  const name = payload.kind === 'chunked' ? 'x-amz-decoded-content-length' : 'content-length'
  const value = headers[name]
  if (value === undefined) {
    // A length is not known beforehand where the transfer itself is in chunks. R2 wants it all the same.
    if (headers['transfer-encoding'] !== undefined && compat === 'r2') return undefined
    throw new S3Error('MissingContentLength')
  }
  if (typeof value !== 'string' || !/^\d{1,15}$/.test(value)) {
    throw new S3Error('InvalidArgument', `The value of ${name} is not a number of bytes`)
  }
  return Number(value)
}

function readTrailerName(headers: IncomingHttpHeaders, payload: Payload): ChecksumName | undefined {
  if (payload.kind !== 'chunked' || !payload.hasTrailers) return undefined
  const announced = headers['x-amz-trailer']
  if (announced === undefined) return undefined

  const name = checksumOfHeader(String(announced).trim().toLowerCase())
  if (name === undefined) {
    throw new S3Error(
      'InvalidRequest',
      'The value specified in the x-amz-trailer header is not supported'
    )
  }
  return name
}

function readTrailer(
  decoder: ChunkedDecoder | undefined,
  name: ChecksumName | undefined
): ExpectedDigests {
  if (decoder === undefined) return {}

  const found: ExpectedDigests = {}
  for (const [header, value] of decoder.trailers) {
    const checksum = checksumOfHeader(header)
    if (checksum === name && checksum !== undefined)
      found[checksum] = parseChecksum(checksum, value)
    else if (header !== 'x-amz-trailer-signature') {
      throw new S3Error('InvalidRequest', `The trailer ${header} was not announced`)
    }
  }
  if (name !== undefined && found[name] === undefined) {
    throw new S3Error('InvalidRequest', `The trailer x-amz-checksum-${name} is missing`)
  }
  return found
}

/** S3 keeps the checksums that the client sent or named; MD5 it keeps as the ETag. */
function keep(names: readonly (DigestName | undefined)[], found: Checksums): Checksums {
  const kept: Checksums = {}
  for (const name of checksumNames) {
    const value = found[name]
    if (names.includes(name) && value !== undefined) kept[name] = value
  }
  return kept
}

async function* decode(
  source: AsyncIterable<Uint8Array>,
  decoder: ChunkedDecoder
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const chunk of source) yield* decoder.write(chunk)
  decoder.end()
}

async function* exactly(
  chunks: AsyncIterable<Uint8Array>,
  size: number
): AsyncGenerator<Uint8Array, void, undefined> {
  let received = 0
  for await (const chunk of chunks) {
    received += chunk.length
    if (received > size) throw new S3Error('IncompleteBody')
    yield chunk
  }
  if (received < size) throw new S3Error('IncompleteBody')
}
