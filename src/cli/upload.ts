/**
 * A file or a stream becomes an object: in one request, or, what is larger, in parts.
 *
 * Parts of a file are read and sent several at once; those of a stream one after the other. Neither is held in memory. An
 * upload that fails is aborted; of one that is killed, the bucket's lifecycle rules take care.
 */

import { createReadStream } from 'node:fs'
import type { MultipartUpload, UploadedPart } from '../control/multipart-upload.ts'
import type { ObjectClient } from '../control/object-client.ts'
import { R2dError } from '../errors.ts'
import { objectSizeMax, partCountMax } from '../limits.ts'
import type { Progress } from './progress.ts'

/** Bytes of a part if nobody asks for another size. */
export const partSizeDefault = 256 * 1024 * 1024

/** Parts of one file that are under way. */
const partsInFlightMax = 4

/** Bytes that are read from a file at once. */
const readSize = 1024 * 1024

/** Bytes of a stream that are kept to see whether it ends: it is sent in one request then. */
const peekSize = 8 * 1024 * 1024

/** Parts of a stream after which they get larger: nobody knows how many there will be. */
const growthCount = 1000

interface Target {
  bucket: string
  key: string
}

export interface UploadOptions {
  /** Bytes of a part; more, where there would be too many of them. What is not larger is sent whole. */
  partSize: number
  progress: Progress
}

export async function uploadFile(
  client: ObjectClient,
  file: { path: string; size: number },
  target: Target,
  { partSize: wanted, progress }: UploadOptions
): Promise<void> {
  const { path, size } = file
  if (size > objectSizeMax) {
    throw new R2dError('R2D_OBJECT_TOO_LARGE', `${path} is larger than ${objectSizeMax} bytes`)
  }
  if (size <= wanted) {
    const stream: AsyncIterable<Buffer> = createReadStream(path, { highWaterMark: readSize })
    await client.put(target.bucket, target.key, progress.count(stream), { size })
    return
  }

  const partSize = Math.max(wanted, Math.ceil(size / partCountMax))
  const count = Math.ceil(size / partSize)
  await inParts(client, target, upload => {
    return sendAtOnce(count, async (index, signal) => {
      const start = index * partSize
      const end = Math.min(start + partSize, size)
      const stream: AsyncIterable<Buffer> = createReadStream(path, {
        start,
        // The one behind it, so that a file that has grown is not taken for what it was.
        end: index === count - 1 ? end : end - 1,
        highWaterMark: readSize,
        signal
      })
      return upload.put(index + 1, progress.count(stream), end - start)
    })
  })
}

/** What comes until its end. */
export async function uploadStream(
  client: ObjectClient,
  stream: AsyncIterable<Buffer>,
  target: Target,
  { partSize, progress }: UploadOptions
): Promise<void> {
  const source = new Splitter(progress.count(stream))
  const start = await source.peek(Math.min(peekSize, partSize))
  if (source.hasEnded) {
    await client.put(target.bucket, target.key, source.take(Infinity), { size: start })
    return
  }

  await inParts(client, target, async upload => {
    const parts: UploadedPart[] = []
    while (await source.hasMore()) {
      const size = partSize * (1 + Math.floor(parts.length / growthCount))
      parts.push(await upload.put(parts.length + 1, source.take(size), undefined))
    }
    return parts
  })
}

async function inParts(
  client: ObjectClient,
  { bucket, key }: Target,
  send: (upload: MultipartUpload) => Promise<UploadedPart[]>
): Promise<void> {
  const upload = await client.beginUpload(bucket, key)
  try {
    await upload.complete(await send(upload))
  } catch (error) {
    // What failed is the reason, and stays so if this does, too.
    await upload.abort().catch(() => undefined)
    throw error
  }
}

/** `count` parts, some at once. When one fails the others are given up; none is under way on return. */
async function sendAtOnce(
  count: number,
  send: (index: number, signal: AbortSignal) => Promise<UploadedPart>
): Promise<UploadedPart[]> {
  const parts: UploadedPart[] = []
  const failure = new AbortController()
  let next = 0
  const work = async (): Promise<void> => {
    while (next < count && !failure.signal.aborted) {
      const index = next++
      try {
        parts[index] = await send(index, failure.signal)
      } catch (error) {
        // The first one's error is the reason; the others fail because of it.
        failure.abort(error)
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(partsInFlightMax, count) }, work))
  failure.signal.throwIfAborted()
  return parts
}

/** A stream that is taken in pieces of given sizes. */
class Splitter {
  readonly #source: AsyncIterator<Buffer, undefined>
  /** Read, and not taken yet. */
  readonly #waiting: Buffer[] = []
  hasEnded = false

  constructor(source: AsyncIterable<Buffer, undefined>) {
    this.#source = source[Symbol.asyncIterator]()
  }

  /** Reads until more than `size` bytes wait, or all that there are; resolves with how many do. */
  async peek(size: number): Promise<number> {
    let waiting = 0
    while (waiting <= size && (await this.#read())) waiting += this.#waiting.at(-1)?.length ?? 0
    return waiting
  }

  async hasMore(): Promise<boolean> {
    return this.#waiting.length > 0 || (await this.#read())
  }

  /** The next bytes, at most `size`. */
  async *take(size: number): AsyncGenerator<Buffer, void, undefined> {
    let left = size
    while (left > 0 && (await this.hasMore())) {
      const chunk = this.#waiting.shift()
      if (chunk === undefined) return
      if (chunk.length > left) this.#waiting.unshift(chunk.subarray(left))
      yield chunk.subarray(0, left)
      left -= Math.min(left, chunk.length)
    }
  }

  /** False at the end. Chunks of nothing are passed over. */
  async #read(): Promise<boolean> {
    while (!this.hasEnded) {
      const { value: chunk } = await this.#source.next()
      if (chunk === undefined) this.hasEnded = true
      else if (chunk.length > 0) {
        this.#waiting.push(chunk)
        return true
      }
    }
    return false
  }
}
