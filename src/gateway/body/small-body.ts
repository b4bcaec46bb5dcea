/**
 * A small body of known length, in one piece: it is gathered by events and waited for once.
 */

import type { IncomingMessage } from 'node:http'
import { frameSize } from '../../limits.ts'
import { S3Error } from '../s3/s3-error.ts'

/** Bytes of a body that is gathered: what the socket reads at once, and one frame. */
export const smallBodySizeMax = frameSize

type Piece = IteratorResult<Uint8Array, undefined>

const end: Piece = { done: true, value: undefined }

/** The whole body, if there is any, then its end: IncompleteBody if it is not as long as was said. Iterated once. */
export class SmallBody implements AsyncIterable<Uint8Array>, AsyncIterator<Uint8Array, undefined> {
  readonly #request: IncomingMessage
  readonly #length: number
  #isTaken = false

  constructor(request: IncomingMessage, length: number) {
    this.#request = request
    this.#length = length
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<Piece> {
    if (this.#isTaken || this.#length === 0) return Promise.resolve(end)

    this.#isTaken = true
    return gather(this.#request, this.#length)
  }

  return(): Promise<Piece> {
    this.#isTaken = true
    return Promise.resolve(end)
  }
}

function gather(request: IncomingMessage, length: number): Promise<Piece> {
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = []
    let received = 0
    request.on('data', (piece: Buffer) => {
      pieces.push(piece)
      received += piece.length
    })
    request.on('end', () => {
      const [first] = pieces
      if (received !== length || first === undefined) reject(new S3Error('IncompleteBody'))
      else resolve({ done: false, value: pieces.length === 1 ? first : Buffer.concat(pieces) })
    })
    request.on('error', reject)
    request.on('close', () => {
      // Before the end it says that the client has gone.
      if (!request.readableEnded) reject(new S3Error('ClientDisconnect'))
    })
  })
}
