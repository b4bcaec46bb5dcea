/**
 * The bytes of a request's body, as the socket has them.
 *
 * A request that is iterated itself is stopped and started again for every piece that it reads. Here it flows, and is stopped only when
 * what has not been asked for yet exceeds a bound.
 *
 * Each piece is its reader's until it asks for the next. Then its memory is freed: left to the garbage collector, what is not in
 * use any more would be many times what is.
 *
 * To leave the iteration early does not close the connection: a body that is refused in the middle is still to be answered.
 */

import type { IncomingMessage } from 'node:http'
import { SmallBody, smallBodySizeMax } from './small-body.ts'

/** Bytes of a piece that is worth freeing by itself. */
const freedSizeMin = 16 * 1024

/** Bytes that wait to be asked for, before the client is made to wait. */
const waitingSizeMax = 128 * 1024

export function bodyOf(request: IncomingMessage): AsyncIterable<Uint8Array> {
  const length = Number(request.headers['content-length'] ?? Number.NaN)

  return length <= smallBodySizeMax ? new SmallBody(request, length) : new RequestBody(request)
}

export class RequestBody implements AsyncIterableIterator<Uint8Array, undefined> {
  readonly #request: IncomingMessage
  #waiting: Buffer[] = []
  #waitingSize = 0
  /** With the reader. */
  #given: Buffer | undefined
  #state: 'unread' | 'reading' | 'ended' | 'failed' = 'unread'
  #error: Error | undefined
  #wake: (() => void) | undefined

  constructor(request: IncomingMessage) {
    this.#request = request
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    if (this.#state === 'unread') this.#start()
    if (this.#given !== undefined) free(this.#given)
    this.#given = undefined
    while (this.#waiting.length === 0 && this.#state === 'reading') {
      await new Promise<void>(resolve => {
        this.#wake = resolve
      })
    }

    const chunk = this.#waiting.shift()
    if (chunk === undefined) {
      if (this.#state === 'ended') return { value: undefined, done: true }
      throw this.#error ?? new Error('The body was left before')
    }
    this.#given = chunk
    this.#waitingSize -= chunk.length
    if (this.#waitingSize < waitingSizeMax && this.#request.isPaused()) this.#request.resume()
    return { value: chunk, done: false }
  }

  /** The rest of the body stays where it is. */
  return(): Promise<IteratorResult<Uint8Array, undefined>> {
    if (this.#state === 'reading') {
      this.#request.off('data', this.#take)
      this.#request.pause()
      this.#state = 'failed'
    }
    this.#waiting = []
    return Promise.resolve({ value: undefined, done: true })
  }

  #start(): void {
    const request = this.#request
    this.#state = 'reading'
    request.on('end', () => {
      this.#finish('ended')
    })
    request.on('error', (error: Error) => {
      this.#finish('failed', error)
    })
    request.on('close', () => {
      this.#finish('failed', new Error('The client closed the connection within the body'))
    })
    // A connection that has gone already says so no more.
    if (request.destroyed) this.#finish('failed', new Error('The client closed the connection'))
    else request.on('data', this.#take)
  }

  readonly #take = (chunk: Buffer): void => {
    this.#waiting.push(chunk)
    this.#waitingSize += chunk.length
    if (this.#waitingSize >= waitingSizeMax) this.#request.pause()
    this.#notify()
  }

  #finish(state: 'ended' | 'failed', error?: Error): void {
    if (this.#state !== 'reading') return
    this.#state = state
    this.#error = error
    this.#notify()
  }

  #notify(): void {
    this.#wake?.()
    this.#wake = undefined
  }
}

function free({ buffer, byteLength }: Buffer): void {
  // A slice of something larger is not alone in it.
  if (byteLength < freedSizeMin || byteLength !== buffer.byteLength) return
  if (buffer instanceof ArrayBuffer) buffer.transfer(0)
}
