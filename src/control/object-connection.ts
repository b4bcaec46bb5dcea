/**
 * Requests to the daemon's object sockets, and what comes back: documents, errors, bodies.
 */

import { once } from 'node:events'
import http, { type IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { XMLParser } from 'fast-xml-parser'
import { R2dError, type ErrorCode } from '../errors.ts'
import { unreachable } from './client.ts'

const parser = new XMLParser({
  parseTagValue: false,
  trimValues: false,
  htmlEntities: true,
  isArray: name => ['Bucket', 'Contents', 'CommonPrefixes'].includes(name)
})

export class ObjectConnection {
  readonly #sockets: readonly string[]
  readonly #agent = new http.Agent({ keepAlive: true, maxSockets: 64 })
  #next = 0

  constructor(sockets: readonly string[]) {
    this.#sockets = sockets
  }

  /** Connections are closed; the process can end. */
  close(): void {
    this.#agent.destroy()
  }

  async send(
    method: string,
    path: string,
    query: Record<string, string> = {},
    {
      body,
      stream,
      headers = {}
    }: {
      body?: Buffer | undefined
      stream?: AsyncIterable<Uint8Array>
      headers?: Record<string, string>
    } = {}
  ): Promise<IncomingMessage> {
    const search = new URLSearchParams(query).toString()
    const socketPath = this.#sockets[this.#next++ % this.#sockets.length]
    const request = http.request({
      ...(socketPath === undefined ? {} : { socketPath }),
      agent: this.#agent,
      method,
      path: search === '' ? path : `${path}?${search}`,
      headers: { ...headers, ...(body === undefined ? {} : { 'content-length': body.length }) }
    })

    // After the answer, what happens to the rest of the request is of no consequence.
    request.on('error', () => undefined)
    const responded = once(request, 'response') as Promise<[IncomingMessage]>
    const source: { error?: Error } = {}
    if (stream === undefined) request.end(body)
    else void pipeline(Readable.from(noting(stream, source)), request).catch(() => undefined)

    let response: IncomingMessage
    try {
      response = (await responded)[0]
    } catch (error) {
      throw source.error ?? unreachable(error)
    }

    if ((response.statusCode ?? 0) < 400) return response
    throw await toError(response, path)
  }
}

/** Passes a body through, and keeps the error that it ends with. */
async function* noting(
  body: AsyncIterable<Uint8Array>,
  source: { error?: Error }
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* body
  } catch (error) {
    source.error = error instanceof Error ? error : new Error(String(error))
    throw error
  }
}

export async function readDocument(response: IncomingMessage, root: string): Promise<unknown> {
  const body = await readText(response)
  const found = new Map(Object.entries(parser.parse(body) as object)).get(root) as unknown
  return found === '' ? {} : found
}

export async function readText(response: IncomingMessage): Promise<string> {
  let body = ''
  response.setEncoding('utf8')
  for await (const piece of response) body += String(piece)
  return body
}

export async function drain(response: IncomingMessage): Promise<IncomingMessage> {
  response.resume()
  if (!response.readableEnded) await once(response, 'end')
  return response
}

const errorCodes: Record<string, ErrorCode> = {
  NoSuchBucket: 'R2D_NO_SUCH_BUCKET',
  NoSuchKey: 'R2D_NO_SUCH_KEY',
  NoSuchCORSConfiguration: 'R2D_NO_SUCH_KEY',
  NoSuchLifecycleConfiguration: 'R2D_NO_SUCH_KEY',
  BucketAlreadyOwnedByYou: 'R2D_BUCKET_EXISTS',
  BucketNotEmpty: 'R2D_BUCKET_NOT_EMPTY',
  PreconditionFailed: 'R2D_PRECONDITION_FAILED',
  InvalidBucketName: 'R2D_INVALID_BUCKET_NAME',
  InvalidObjectName: 'R2D_INVALID_KEY',
  InvalidLocationConstraint: 'R2D_INVALID_LOCATION',
  MetadataTooLarge: 'R2D_METADATA_TOO_LARGE',
  EntityTooLarge: 'R2D_OBJECT_TOO_LARGE',
  InsufficientStorage: 'R2D_STORE_FULL',
  BadDigest: 'R2D_INTEGRITY',
  AccessDenied: 'R2D_FORBIDDEN'
}

async function toError(response: IncomingMessage, path: string): Promise<R2dError> {
  const status = response.statusCode ?? 0
  const requestId = text(response.headers['x-amz-request-id']) ?? ''
  const document = (await readDocument(response, 'Error')) as
    { Code?: string; Message?: string } | undefined
  const fallback = status === 404 ? 'NoSuchKey' : 'ServiceUnavailable'
  const code = document?.Code ?? fallback
  const message = document?.Message ?? (status === 404 ? 'There is no such object or bucket.' : '')

  return new R2dError(
    errorCodes[code] ?? (status >= 500 ? 'R2D_UNAVAILABLE' : 'R2D_INVALID_CONFIG'),
    `${decodeURIComponent(path).slice(1)}: ${message} (${code}, request ${requestId})`
  )
}

export function pathOf(bucket: string, key?: string): string {
  const parts = key === undefined ? [bucket] : [bucket, ...key.split('/')]

  return `/${parts.map(encodeURIComponent).join('/')}`
}

export function escape(key: string): string {
  return key.replaceAll(/[&<>\r\n\t]|[^\P{Cc}]/gu, character =>
    character === '&'
      ? '&amp;'
      : character === '<'
        ? '&lt;'
        : character === '>'
          ? '&gt;'
          : `&#${character.codePointAt(0) ?? 0};`
  )
}

export function unquote(value: string | undefined): string {
  return (value ?? '').replaceAll('"', '')
}

export function text(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value
}
