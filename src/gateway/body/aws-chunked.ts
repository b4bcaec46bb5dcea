/**
 * aws-chunked: a body in chunks, each of which may carry a signature, and trailers behind the last.
 *
 *     chunk     size in hex [";chunk-signature=" 64 hex digits] CRLF, bytes, CRLF
 *     last      a chunk of size 0, without bytes and their CRLF
 *     trailers  (name ":" value CRLF)*, then CRLF
 *
 * Data of a chunk is passed on before the chunk's end, where its signature is verified: so what has been passed on is
 * verified only once `end` has returned. Nothing is committed before that.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html
 */

import { createHash, hash, type Hash } from 'node:crypto'
import { S3Error } from '../s3/s3-error.ts'
import type { SigningContext } from '../auth/signature-v4.ts'

/** Bytes of a line with a chunk's size and signature. */
const chunkLineSizeMax = 256
/** Bytes of all trailers. */
const trailersSizeMax = 4096
/** A chunk is no larger than a body may be. */
const sizeDigitsMax = 12

const newline = 0x0a
const emptyHash = hash('sha256', '')

type State = 'chunk-line' | 'data' | 'data-end' | 'trailers' | 'done'

export interface ChunkedOptions {
  /** Of the request, if the chunks are signed. */
  signing: SigningContext | undefined
  /** Whether trailers may follow the last chunk. */
  hasTrailers: boolean
}

export class ChunkedDecoder {
  readonly #signing: SigningContext | undefined
  readonly #hasTrailers: boolean
  readonly #trailers = new Map<string, string>()
  #state: State = 'chunk-line'
  /** The line that is coming in. */
  #line = Buffer.alloc(0)
  /** Bytes of the chunk that are still to come. */
  #left = 0
  #chunkHash: Hash | undefined
  #chunkSignature = ''
  #previousSignature: string
  #trailersText = ''
  #trailersSize = 0

  constructor({ signing, hasTrailers }: ChunkedOptions) {
    this.#signing = signing
    this.#hasTrailers = hasTrailers
    this.#previousSignature = signing?.signature ?? ''
  }

  /** By name in lower case; complete after `end`. */
  get trailers(): ReadonlyMap<string, string> {
    return this.#trailers
  }

  /** The data in `input`, as slices of it. */
  *write(input: Uint8Array): Generator<Uint8Array, void, undefined> {
    let offset = 0
    while (offset < input.length) {
      if (this.#state === 'data') {
        const data = input.subarray(offset, offset + this.#left)
        this.#chunkHash?.update(data)
        this.#left -= data.length
        offset += data.length
        if (this.#left === 0) this.#state = 'data-end'
        yield data
        continue
      }

      const end = input.indexOf(newline, offset)
      const part = input.subarray(offset, end === -1 ? input.length : end)
      this.#gather(part)
      if (end === -1) return
      offset = end + 1
      this.#takeLine()
    }
  }

  /** The input has ended: it must have ended where the encoding does. */
  end(): void {
    if (this.#state === 'done') {
      if (this.#line.length > 0) throw malformed('something follows its end')
      return
    }
    // Some clients leave out the empty line behind a last chunk without trailers.
    if (this.#state === 'trailers' && !this.#hasTrailers && this.#line.length === 0) {
      this.#finishTrailers()
      return
    }
    throw new S3Error('IncompleteBody')
  }

  #gather(part: Uint8Array): void {
    const limit =
      this.#state === 'trailers' ? trailersSizeMax - this.#trailersSize : chunkLineSizeMax
    if (this.#line.length + part.length > limit) throw malformed('a line is too long')
    this.#line = this.#line.length === 0 ? Buffer.from(part) : Buffer.concat([this.#line, part])
  }

  #takeLine(): void {
    const line = this.#line
    this.#line = Buffer.alloc(0)
    if (line.at(-1) !== 0x0d && !(this.#state === 'trailers' && line.length > 0)) {
      throw malformed('a line does not end with CRLF')
    }
    const text = line.toString('latin1').replace(/\r$/, '')

    switch (this.#state) {
      case 'chunk-line':
        this.#beginChunk(text)
        break
      case 'data-end':
        if (text !== '') throw malformed('a chunk is longer than its size')
        this.#finishChunk()
        this.#state = 'chunk-line'
        break
      case 'trailers':
        this.#takeTrailer(text)
        break
      case 'data':
      case 'done':
        throw malformed('something follows its end')
    }
  }

  #beginChunk(line: string): void {
    const [size = '', ...extensions] = line.split(';')
    if (!/^[0-9a-fA-F]+$/.test(size) || size.length > sizeDigitsMax) {
      throw malformed('the size of a chunk is not a number')
    }
    if (this.#signing !== undefined) {
      const [signature] = extensions
      if (!signature?.startsWith('chunk-signature=')) throw malformed('a chunk is not signed')
      this.#chunkSignature = signature.slice('chunk-signature='.length)
      this.#chunkHash = createHash('sha256')
    }

    this.#left = parseInt(size, 16)
    if (this.#left > 0) {
      this.#state = 'data'
      return
    }
    this.#finishChunk()
    this.#state = 'trailers'
  }

  #finishChunk(): void {
    const signing = this.#signing
    if (signing === undefined) return

    const { signingKey, time, scope } = signing
    const text = [
      'AWS4-HMAC-SHA256-PAYLOAD',
      time,
      scope,
      this.#previousSignature,
      emptyHash,
      this.#chunkHash?.digest('hex') ?? emptyHash
    ].join('\n')
    if (!signingKey.isSignature(text, this.#chunkSignature)) {
      throw new S3Error('SignatureDoesNotMatch')
    }
    this.#previousSignature = this.#chunkSignature
  }

  #takeTrailer(line: string): void {
    if (line === '') {
      this.#finishTrailers()
      return
    }
    if (!this.#hasTrailers) throw malformed('there are trailers that were not announced')

    const colon = line.indexOf(':')
    if (colon < 1) throw malformed('a trailer has no name')
    const name = line.slice(0, colon).trim().toLowerCase()
    const value = line.slice(colon + 1).trim()
    if (this.#trailers.has(name)) throw malformed('a trailer is there twice')
    this.#trailersSize += line.length
    this.#trailers.set(name, value)
    if (name !== 'x-amz-trailer-signature') this.#trailersText += `${name}:${value}\n`
  }

  #finishTrailers(): void {
    this.#state = 'done'
    const signing = this.#signing
    if (signing === undefined || !this.#hasTrailers) return

    const { signingKey, time, scope } = signing
    const text = [
      'AWS4-HMAC-SHA256-TRAILER',
      time,
      scope,
      this.#previousSignature,
      hash('sha256', this.#trailersText)
    ].join('\n')
    if (!signingKey.isSignature(text, this.#trailers.get('x-amz-trailer-signature') ?? '')) {
      throw new S3Error('SignatureDoesNotMatch')
    }
  }
}

function malformed(reason: string): S3Error {
  return new S3Error('InvalidRequest', `The aws-chunked body is malformed: ${reason}`)
}
