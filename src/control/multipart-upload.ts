/**
 * An object that is sent in parts.
 *
 * The upload has a CRC-32 of the whole object. Each part's is computed here and compared with what the daemon has computed
 * of what it stored; the parts' are named again when the upload is completed, and become the object's.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html
 */

import { crc32 } from 'node:zlib'
import { R2dError } from '../errors.ts'
import {
  drain,
  pathOf,
  readDocument,
  text,
  unquote,
  type ObjectConnection
} from './object-connection.ts'

export interface UploadedPart {
  number: number
  etag: string
  /** Base64. */
  crc32: string
}

export class MultipartUpload {
  readonly #connection: ObjectConnection
  readonly #path: string
  readonly #uploadId: string

  private constructor(connection: ObjectConnection, path: string, uploadId: string) {
    this.#connection = connection
    this.#path = path
    this.#uploadId = uploadId
  }

  static async begin(
    connection: ObjectConnection,
    bucket: string,
    key: string
  ): Promise<MultipartUpload> {
    const path = pathOf(bucket, key)
    const headers = { 'x-amz-checksum-algorithm': 'CRC32', 'x-amz-checksum-type': 'FULL_OBJECT' }
    const response = await connection.send('POST', path, { uploads: '' }, { headers })
    const { UploadId } = (await readDocument(response, 'InitiateMultipartUploadResult')) as {
      UploadId: string
    }
    return new MultipartUpload(connection, path, UploadId)
  }

  /** A `size` that is not known is fine. R2D_INTEGRITY if what was stored is not what was sent. */
  async put(
    number: number,
    body: AsyncIterable<Uint8Array>,
    size: number | undefined
  ): Promise<UploadedPart> {
    let crc = 0
    const stream = exactly(body, size, chunk => {
      crc = crc32(chunk, crc)
    })
    const query = { partNumber: String(number), uploadId: this.#uploadId }
    const headers: Record<string, string> =
      size === undefined ? {} : { 'content-length': String(size) }
    const response = await drain(
      await this.#connection.send('PUT', this.#path, query, { stream, headers })
    )
    const stored = text(response.headers['x-amz-checksum-crc32'])
    if (stored === encodeCrc32(crc)) {
      return { number, etag: unquote(response.headers.etag), crc32: stored }
    }

    throw new R2dError('R2D_INTEGRITY', `Part ${number} was not stored as it was sent`, {
      hint: 'Check the memory and disks of this machine'
    })
  }

  /** In ascending order. */
  async complete(parts: readonly UploadedPart[]): Promise<void> {
    const list = parts.map(
      ({ number, etag, crc32: crc }) =>
        `<Part><PartNumber>${number}</PartNumber><ETag>${etag}</ETag><ChecksumCRC32>${crc}</ChecksumCRC32></Part>`
    )
    const body = Buffer.from(`<CompleteMultipartUpload>${list.join('')}</CompleteMultipartUpload>`)
    const query = { uploadId: this.#uploadId }
    await drain(await this.#connection.send('POST', this.#path, query, { body }))
  }

  async abort(): Promise<void> {
    await drain(await this.#connection.send('DELETE', this.#path, { uploadId: this.#uploadId }))
  }
}

/** As S3 writes it: base64 of four bytes, big-endian. */
export function encodeCrc32(value: number): string {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes.toString('base64')
}

/** Passes a body of `size` bytes through. One of another length throws: the request would wait for the rest for ever. */
export async function* exactly(
  body: AsyncIterable<Uint8Array>,
  size: number | undefined,
  onChunk: (chunk: Uint8Array) => void
): AsyncGenerator<Uint8Array, void, undefined> {
  let passed = 0
  for await (const chunk of body) {
    passed += chunk.length
    if (size !== undefined && passed > size) throw changed()
    onChunk(chunk)
    yield chunk
  }
  if (size !== undefined && passed < size) throw changed()
}

function changed(): R2dError {
  return new R2dError('R2D_CONFLICT', 'The source has changed while it was being sent', {
    hint: 'Repeat it'
  })
}
