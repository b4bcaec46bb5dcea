/**
 * Buckets and objects over the daemon's object sockets: S3, without signatures.
 *
 * What is sent is compared with the ETag that comes back, and what is received with the one that it came with: an
 * end-to-end check of the bytes, whatever lies between.
 */

import { createHash } from 'node:crypto'
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { crc32 } from 'node:zlib'
import { R2dError } from '../errors.ts'
import { encodeCrc32, exactly, MultipartUpload } from './multipart-upload.ts'
import {
  drain,
  escape,
  ObjectConnection,
  pathOf,
  readDocument,
  readText,
  text,
  unquote
} from './object-connection.ts'

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

export class ObjectClient {
  readonly #connection: ObjectConnection

  constructor(sockets: readonly string[]) {
    this.#connection = new ObjectConnection(sockets)
  }

  /** Connections are closed; the process can end. */
  close(): void {
    this.#connection.close()
  }

  async listBuckets(): Promise<BucketEntry[]> {
    const buckets: BucketEntry[] = []
    let token: string | undefined
    do {
      const query = token === undefined ? {} : { 'continuation-token': token }
      const response = await this.#connection.send('GET', '/', query)
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
    await drain(await this.#connection.send('PUT', pathOf(name), {}, { body, headers }))
  }

  async bucketLocation(name: string): Promise<string> {
    const response = await this.#connection.send('GET', pathOf(name), { location: '' })
    return String(await readDocument(response, 'LocationConstraint')).toLowerCase()
  }

  /** R2D_NO_SUCH_BUCKET. */
  async requireBucket(name: string): Promise<void> {
    await this.bucketLocation(name)
  }

  async deleteBucket(name: string): Promise<void> {
    await drain(await this.#connection.send('DELETE', pathOf(name)))
  }

  /** S3's XML. */
  async configuration(bucket: string, kind: BucketConfiguration): Promise<string> {
    return readText(await this.#connection.send('GET', pathOf(bucket), { [kind]: '' }))
  }

  async setConfiguration(bucket: string, kind: BucketConfiguration, xml: string): Promise<void> {
    const body = Buffer.from(xml)
    await drain(await this.#connection.send('PUT', pathOf(bucket), { [kind]: '' }, { body }))
  }

  async deleteConfiguration(bucket: string, kind: BucketConfiguration): Promise<void> {
    await drain(await this.#connection.send('DELETE', pathOf(bucket), { [kind]: '' }))
  }

  /** Page by page, in order. */
  async *list(
    bucket: string,
    { prefix, delimiter }: { prefix: string; delimiter: string }
  ): AsyncGenerator<ListPage, void, undefined> {
    let token: string | undefined
    do {
      const response = await this.#connection.send('GET', pathOf(bucket), {
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
      await this.#connection.send('HEAD', pathOf(bucket, key), {}, { headers: asked })
    )
    return toDetail(headers)
  }

  /** The body throws in place of its end if it is not what its ETag says. */
  async get(
    bucket: string,
    key: string
  ): Promise<{ detail: ObjectDetail; body: AsyncIterable<Buffer> }> {
    const headers = { 'x-amz-checksum-mode': 'ENABLED' }
    const response = await this.#connection.send('GET', pathOf(bucket, key), {}, { headers })
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
    const hashed = exactly(body, size, chunk => {
      md5.update(chunk)
    })
    const response = await this.#connection.send(
      'PUT',
      pathOf(bucket, key),
      {},
      {
        stream: hashed,
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

  /** For what is too large for one request, or is better sent in several at once. */
  beginUpload(bucket: string, key: string): Promise<MultipartUpload> {
    return MultipartUpload.begin(this.#connection, bucket, key)
  }

  async copy(
    source: { bucket: string; key: string },
    target: { bucket: string; key: string }
  ): Promise<void> {
    const headers = { 'x-amz-copy-source': pathOf(source.bucket, source.key) }
    await drain(
      await this.#connection.send('PUT', pathOf(target.bucket, target.key), {}, { headers })
    )
  }

  /** At most 1,000 keys. */
  async delete(bucket: string, keys: readonly string[]): Promise<void> {
    const objects = keys.map(key => `<Object><Key>${escape(key)}</Key></Object>`).join('')
    const body = Buffer.from(`<Delete><Quiet>true</Quiet>${objects}</Delete>`)
    await drain(await this.#connection.send('POST', pathOf(bucket), { delete: '' }, { body }))
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
  const isWhole = digestOf(response.headers, etag)
  let received = 0
  for await (const piece of response) {
    const chunk = piece as Buffer
    isWhole.update(chunk)
    received += chunk.length
    yield chunk
  }
  if (received === size && isWhole.holds()) return

  throw new R2dError('R2D_INTEGRITY', 'What was received is not what was stored', {
    hint: 'Repeat it; the daemon log names a volume if one is to blame'
  })
}

/** The ETag of an object that came in parts is not the MD5 of its content: its CRC is what there is. */
function digestOf(
  { 'x-amz-checksum-crc32': crc, 'x-amz-checksum-type': type }: IncomingHttpHeaders,
  etag: string
): { update: (chunk: Buffer) => void; holds: () => boolean } {
  if (!etag.includes('-')) {
    const md5 = createHash('md5')
    return { update: chunk => md5.update(chunk), holds: () => md5.digest('hex') === etag }
  }

  let value = 0
  return {
    update: chunk => {
      value = crc32(chunk, value)
    },
    holds: () => type !== 'FULL_OBJECT' || crc === undefined || encodeCrc32(value) === crc
  }
}
