/**
 * Buckets and objects over the daemon's object sockets: S3, without signatures.
 *
 * What is sent is compared with the ETag that comes back, and what is received with the one that it came with: an
 * end-to-end check of the bytes, whatever lies between.
 */

import { createHash } from 'node:crypto'
import { once } from 'node:events'
import http, { type IncomingHttpHeaders, type IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { XMLParser } from 'fast-xml-parser'
import { R2dError, type ErrorCode } from '../errors.ts'
import { unreachable } from './client.ts'

export interface BucketEntry {
  name: string
  /** ISO 8601. */
  created: string
}

export interface ObjectEntry {
  key: string
  size: number
  etag: string
  /** ISO 8601. */
  modified: string
  storageClass: string
}

export interface ObjectDetail {
  size: number
  etag: string
  /** ISO 8601. */
  modified: string
  contentType: string
  /** Content headers, storage class, checksums, and how many tags. */
  headers: Record<string, string>
  metadata: Record<string, string>
}

/** By the query parameter that names it. */
export type BucketConfiguration = 'cors' | 'lifecycle'

export interface ListPage {
  objects: ObjectEntry[]
  prefixes: string[]
}

const parser = new XMLParser({
  parseTagValue: false,
  trimValues: false,
  htmlEntities: true,
  isArray: name => ['Bucket', 'Contents', 'CommonPrefixes'].includes(name)
})

export class ObjectClient {
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

  async listBuckets(): Promise<BucketEntry[]> {
    const buckets: BucketEntry[] = []
    let token: string | undefined
    do {
      const query = token === undefined ? {} : { 'continuation-token': token }
      const response = await this.#send('GET', '/', query)
      const page = (await readDocument(response, 'ListAllMyBucketsResult')) as {
        Buckets?: { Bucket?: { Name: string; CreationDate: string }[] } | ''
      }
      const found = typeof page.Buckets === 'object' ? (page.Buckets.Bucket ?? []) : []
      buckets.push(
        ...found.map(({ Name, CreationDate }) => ({ name: Name, created: CreationDate }))
      )
      token = text(response.headers['cf-next-continuation-token'])
    } while (token !== undefined)
    return buckets
  }

  async createBucket(
    name: string,
    { location, storageClass }: { location?: string | undefined; storageClass?: string | undefined }
  ): Promise<void> {
    const body =
      location === undefined
        ? undefined
        : Buffer.from(
            `<CreateBucketConfiguration><LocationConstraint>${location.replaceAll(/[<&]/g, '')}</LocationConstraint></CreateBucketConfiguration>`
          )
    const headers = storageClass === undefined ? {} : { 'x-amz-storage-class': storageClass }
    await drain(await this.#send('PUT', pathOf(name), {}, { body, headers }))
  }

  async bucketLocation(name: string): Promise<string> {
    const response = await this.#send('GET', pathOf(name), { location: '' })
    return String(await readDocument(response, 'LocationConstraint')).toLowerCase()
  }

  /** R2D_NO_SUCH_BUCKET. */
  async requireBucket(name: string): Promise<void> {
    await this.bucketLocation(name)
  }

  async deleteBucket(name: string): Promise<void> {
    await drain(await this.#send('DELETE', pathOf(name)))
  }

  /** S3's XML. */
  async configuration(bucket: string, kind: BucketConfiguration): Promise<string> {
    return readText(await this.#send('GET', pathOf(bucket), { [kind]: '' }))
  }

  async setConfiguration(bucket: string, kind: BucketConfiguration, xml: string): Promise<void> {
    const body = Buffer.from(xml)
    await drain(await this.#send('PUT', pathOf(bucket), { [kind]: '' }, { body }))
  }

  async deleteConfiguration(bucket: string, kind: BucketConfiguration): Promise<void> {
    await drain(await this.#send('DELETE', pathOf(bucket), { [kind]: '' }))
  }

  /** Page by page, in order. */
  async *list(
    bucket: string,
    { prefix, delimiter }: { prefix: string; delimiter: string }
  ): AsyncGenerator<ListPage, void, undefined> {
    let token: string | undefined
    do {
      const response = await this.#send('GET', pathOf(bucket), {
        'list-type': '2',
        'encoding-type': 'url',
        prefix,
        ...(delimiter === '' ? {} : { delimiter }),
        ...(token === undefined ? {} : { 'continuation-token': token })
      })
      const page = (await readDocument(response, 'ListBucketResult')) as ListDocument
      yield {
        objects: (page.Contents ?? []).map(toObjectEntry),
        prefixes: (page.CommonPrefixes ?? []).map(({ Prefix }) => decodeURIComponent(Prefix))
      }
      token = page.NextContinuationToken
    } while (token !== undefined)
  }

  async head(bucket: string, key: string): Promise<ObjectDetail> {
    const asked = { 'x-amz-checksum-mode': 'ENABLED' }
    const { headers } = await drain(
      await this.#send('HEAD', pathOf(bucket, key), {}, { headers: asked })
    )
    return toDetail(headers)
  }

  /** The body throws in place of its end if it is not what its ETag says. */
  async get(
    bucket: string,
    key: string
  ): Promise<{ detail: ObjectDetail; body: AsyncIterable<Buffer> }> {
    const response = await this.#send('GET', pathOf(bucket, key))
    const detail = toDetail(response.headers)
    return { detail, body: verified(response, detail) }
  }

  /** Resolves with the ETag. A `size` that is not known is fine. */
  async put(
    bucket: string,
    key: string,
    body: AsyncIterable<Uint8Array>,
    { size, headers }: { size?: number | undefined; headers?: Record<string, string> }
  ): Promise<string> {
    const md5 = createHash('md5')
    const hashed = async function* (): AsyncGenerator<Uint8Array, void, undefined> {
      for await (const chunk of body) {
        md5.update(chunk)
        yield chunk
      }
    }
    const response = await this.#send(
      'PUT',
      pathOf(bucket, key),
      {},
      {
        stream: hashed(),
        headers: { ...headers, ...(size === undefined ? {} : { 'content-length': String(size) }) }
      }
    )
    const etag = unquote(text((await drain(response)).headers.etag))
    if (etag === md5.digest('hex')) return etag

    await this.delete(bucket, [key])
    throw new R2dError('R2D_INTEGRITY', `What was stored as ${key} is not what was sent`, {
      hint: 'It was deleted again; check the memory and disks of this machine'
    })
  }

  async copy(
    source: { bucket: string; key: string },
    target: { bucket: string; key: string }
  ): Promise<void> {
    const headers = { 'x-amz-copy-source': pathOf(source.bucket, source.key) }
    await drain(await this.#send('PUT', pathOf(target.bucket, target.key), {}, { headers }))
  }

  /** At most 1,000 keys. */
  async delete(bucket: string, keys: readonly string[]): Promise<void> {
    const objects = keys.map(key => `<Object><Key>${escape(key)}</Key></Object>`).join('')
    const body = Buffer.from(`<Delete><Quiet>true</Quiet>${objects}</Delete>`)
    await drain(await this.#send('POST', pathOf(bucket), { delete: '' }, { body }))
  }

  async #send(
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

interface ListDocument {
  Contents?: {
    Key: string
    Size: string
    ETag: string
    LastModified: string
    StorageClass: string
  }[]
  CommonPrefixes?: { Prefix: string }[]
  NextContinuationToken?: string
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

function toObjectEntry(entry: NonNullable<ListDocument['Contents']>[number]): ObjectEntry {
  return {
    key: decodeURIComponent(entry.Key),
    size: Number(entry.Size),
    etag: unquote(entry.ETag),
    modified: entry.LastModified,
    storageClass: entry.StorageClass
  }
}

const shownHeaders = [
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-language',
  'expires',
  'x-amz-storage-class',
  'x-amz-tagging-count'
]

function toDetail(headers: IncomingHttpHeaders): ObjectDetail {
  const found = Object.entries(headers).map(([name, value]) => [name, text(value) ?? ''] as const)

  return {
    size: Number(headers['content-length'] ?? 0),
    etag: unquote(headers.etag),
    modified: new Date(headers['last-modified'] ?? 0).toISOString(),
    contentType: headers['content-type'] ?? '',
    headers: Object.fromEntries(
      found.filter(([name]) => shownHeaders.includes(name) || name.startsWith('x-amz-checksum-'))
    ),
    metadata: Object.fromEntries(
      found
        .filter(([name]) => name.startsWith('x-amz-meta-'))
        .map(([name, value]) => [name.slice('x-amz-meta-'.length), value])
    )
  }
}

async function* verified(
  response: IncomingMessage,
  { size, etag }: ObjectDetail
): AsyncGenerator<Buffer, void, undefined> {
  const md5 = createHash('md5')
  let received = 0
  for await (const piece of response) {
    const chunk = piece as Buffer
    md5.update(chunk)
    received += chunk.length
    yield chunk
  }
  // The ETag of an object that came in parts is not the MD5 of its content.
  const isWhole = etag.includes('-') || md5.digest('hex') === etag
  if (received === size && isWhole) return

  throw new R2dError('R2D_INTEGRITY', 'What was received is not what was stored', {
    hint: 'Repeat it; the daemon log names a volume if one is to blame'
  })
}

async function readDocument(response: IncomingMessage, root: string): Promise<unknown> {
  const body = await readText(response)
  const found = new Map(Object.entries(parser.parse(body) as object)).get(root) as unknown
  return found === '' ? {} : found
}

async function readText(response: IncomingMessage): Promise<string> {
  let body = ''
  response.setEncoding('utf8')
  for await (const piece of response) body += String(piece)
  return body
}

async function drain(response: IncomingMessage): Promise<IncomingMessage> {
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

function pathOf(bucket: string, key?: string): string {
  const parts = key === undefined ? [bucket] : [bucket, ...key.split('/')]

  return `/${parts.map(encodeURIComponent).join('/')}`
}

function escape(key: string): string {
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

function unquote(value: string | undefined): string {
  return (value ?? '').replaceAll('"', '')
}

function text(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value
}
