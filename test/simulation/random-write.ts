// One write of a random kind: put, delete, copy, or an upload. Most are small, some pass every edge of frames and extents.

import type { Store } from '../../src/objects/store.ts'
import type { Random } from './random.ts'
import { bodyOf, plain } from '../objects/open-store.ts'
import { bytesOf, type History } from './history.ts'

const keysPerWriter = 4
const sizes = [0, 1, 4096, 30_000, 65_536, 65_537, 140_000, 262_144] as const
/** Written by the gateway's own writer, and hashed by another thread: slower, and so fewer. */
const largeSize = 300_000

interface RandomWrite {
  store: Store
  bucket: string
  /** Whose keys it is about. */
  writer: number
  /** No two of a writer have the same content. */
  step: number
  random: Random
  history: History
}

export function keyOf(writer: number, random: Random): string {
  return `w${writer}/k${random.below(keysPerWriter)}`
}

/** Rejects as the store does; the history has it as under way then. */
export async function performWrite(write: RandomWrite): Promise<void> {
  const { store, bucket, writer, step, random, history } = write
  const key = keyOf(writer, random)
  const size = random.below(24) === 0 ? largeSize : (sizes[random.below(sizes.length)] ?? 0)
  const content = { seed: writer * 1_000_000 + step, size }
  switch (random.below(8)) {
    case 0:
      await history.attempt(key, undefined, () => store.delete(bucket, [key]))
      break
    case 1: {
      const sourceKey = keyOf(writer, random)
      const source = history.acknowledgedAt(sourceKey)
      // Of a source whose own write is open, nobody knows what the copy has.
      if (source === undefined || history.isOpen(sourceKey)) break
      const copy = { sourceBucket: bucket, sourceKey, bucket, key }
      await history.attempt(key, source, () => store.copy(copy))
      break
    }
    case 2:
      await upload(write, key, content)
      break
    default:
      await history.attempt(key, content, () =>
        store.put(bucket, key, bodyOf(bytesOf(content)), plain)
      )
  }
}

/** As an upload of one part, for which there is no least size; completed or aborted. */
async function upload(
  { store, bucket, random, history }: RandomWrite,
  key: string,
  content: { seed: number; size: number }
): Promise<void> {
  const options = { httpMetadata: {}, customMetadata: [], checksum: undefined }
  const target = { bucket, key, uploadId: await store.createUpload(bucket, key, options) }
  const part = { ...target, partNumber: 1 }
  const body = bodyOf(bytesOf(content))
  const { number, etag } = await store.uploadPart(part, body, { digests: [] })
  if (random.chance(0.3)) {
    await store.abortUpload(target)
    return
  }
  const parts = [{ number, etag, checksums: {} }]
  await history.attempt(key, content, () =>
    store.completeUpload(target, { parts, checksums: {}, requiresEvenParts: false })
  )
}
