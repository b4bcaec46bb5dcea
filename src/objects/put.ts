/**
 * PutObject: body -> extents -> replicas -> commit.
 *
 * Each extent is on its way to the volumes while the next one fills. Nothing refers to any of them until the
 * commit; what a refused or broken body leaves behind is dead bytes in segments.
 */

import { R2dError } from '../errors.ts'
import {
  customMetadataSizeMax,
  extentSizeMax,
  frameSize,
  putSizeMax,
  sharedExtentSizeMax
} from '../limits.ts'
import { newId, newKey } from '../crypto/key-wrap.ts'
import { normalizeKey, objectKey } from '../metadata/keys.ts'
import type { MutationParameters, NewExtent } from '../metadata/mutations.ts'
import {
  decodeObjectRecord,
  encodeObjectRecord,
  type ObjectRecord
} from '../metadata/object-record.ts'
import { evaluate } from '../metadata/precondition.ts'
import type { PlacementPolicy } from '../storage/extent-writer.ts'
import type { OpenBucket } from './bucket-catalog.ts'
import { wrapContentKey } from './content-key.ts'
import type { StoreContext } from './context.ts'
import { Digests } from './digests.ts'
import { ExtentCutter, recycle, type CutExtent } from './extent-cutter.ts'
import { buildManifest, type WrittenExtent } from './manifest.ts'
import { toObjectInfo } from './object-info.ts'
import type { ObjectInfo, PutOptions } from './store.ts'

/** Extents of one body that are on their way to the volumes while another fills. */
const extentsInFlightMax = 1

export async function put(
  context: StoreContext,
  bucketName: string,
  key: string,
  body: AsyncIterable<Uint8Array>,
  options: PutOptions
): Promise<ObjectInfo> {
  const rowSuffix = normalizeKey(key)
  requireMetadataSize(options.customMetadata)
  if (options.size !== undefined && options.size > putSizeMax) throw tooLarge()

  const bucket = await context.buckets.open(bucketName)
  const rowKey = objectKey(bucket.record.id, rowSuffix)
  await refuseEarly(context, rowKey, options)

  context.writers.count++
  try {
    const { policy } = bucket
    const content = await receive(context, policy, body, options)
    return await commit(context, { bucket, rowKey, key, policy }, content, options)
  } finally {
    context.writers.count--
  }
}

/** A body of gigabytes is not worth receiving if the condition fails already. The commit decides. */
async function refuseEarly(
  { metadata }: StoreContext,
  rowKey: Buffer,
  { precondition }: PutOptions
): Promise<void> {
  if (precondition === undefined) return

  const row = await metadata.get(rowKey)
  if (evaluate(precondition, row && decodeObjectRecord(row.value)) !== 'holds') {
    throw new R2dError('R2D_PRECONDITION_FAILED', 'The precondition does not hold')
  }
}

/** A body that was received: all of it is durable, but for what travels with the commit. */
export interface Content {
  size: number
  digests: Digests
  /** Durable on every replica. */
  written: { extent: WrittenExtent; replicas: NewExtent['replicas'] }[]
  /** The whole content, where it is small enough to travel with the commit. */
  small: CutExtent | undefined
}

export async function receive(
  context: StoreContext,
  policy: PlacementPolicy,
  body: AsyncIterable<Uint8Array>,
  { digests: names }: Pick<PutOptions, 'digests'>
): Promise<Content> {
  const content: Content = {
    size: 0,
    digests: new Digests(['md5', ...names]),
    written: [],
    small: undefined
  }
  const cutter = new ExtentCutter(() => extentSize(context))
  const inFlight = new Set<Promise<void>>()

  const write = async ({ extent, key }: CutExtent): Promise<void> => {
    const place = content.written.length
    const entry = { extent: { id: extent.id, size: extent.size, key }, replicas: [] }
    content.written.push(entry)
    const replicas = await context.writer.write(extent, policy)
    content.written[place] = { ...entry, replicas }
    recycle(extent)
  }
  const start = async (cut: CutExtent): Promise<void> => {
    if (inFlight.size >= extentsInFlightMax) await Promise.race(inFlight)
    const writing = write(cut)
    inFlight.add(writing)
    writing.then(
      () => inFlight.delete(writing),
      () => undefined // Stays, for the next race or the settling below to throw.
    )
  }

  try {
    for await (const chunk of body) {
      content.size += chunk.length
      if (content.size > putSizeMax) throw tooLarge()
      content.digests.update(chunk)
      for (const cut of cutter.write(chunk)) await start(cut)
    }

    const last = cutter.end()
    const isSmall = content.written.length === 0 && content.size <= sharedExtentSizeMax
    if (last !== undefined && isSmall) content.small = last
    else if (last !== undefined) await start(last)

    await Promise.all(inFlight)
    return content
  } catch (error) {
    await Promise.allSettled(inFlight)
    throw error
  }
}

/** Smaller extents while many write at once: their buffers share a fixed size. */
function extentSize({ writeBufferSize, writers }: StoreContext): number {
  const share = writeBufferSize / (writers.count * (1 + extentsInFlightMax))
  return Math.max(frameSize, Math.min(extentSizeMax, share))
}

async function commit(
  context: StoreContext,
  target: { bucket: OpenBucket; rowKey: Buffer; key: string; policy: PlacementPolicy },
  content: Content,
  options: PutOptions
): Promise<ObjectInfo> {
  const { bucket, rowKey, policy } = target
  const digests = content.digests.finish()
  const checksums = options.verify?.(digests) ?? {}

  const contentKey = newKey()
  const { manifest, pages } = buildManifest(extentsOf(content), contentKey)
  const now = context.now()
  const record: ObjectRecord = {
    ...wrapContentKey(bucket, newId(), contentKey, options.customerKey),
    key: target.key,
    size: content.size,
    etag: md5Of(digests).toString('hex'),
    uploaded: now,
    storageClass: options.storageClass ?? bucket.record.storageClass,
    httpMetadata: options.httpMetadata,
    customMetadata: options.customMetadata,
    checksums,
    manifest,
    ...(options.tags === undefined ? {} : { tags: options.tags })
  }

  const parameters = {
    bucket: bucket.name,
    bucketId: bucket.record.id,
    rowKey,
    precondition: options.precondition,
    minIntervalMs: options.minIntervalMs,
    now,
    value: encodeObjectRecord(record),
    pages
  }
  await commitContent(context, 'putObject', parameters, content, policy)

  return toObjectInfo(record, bucket)
}

/** In order. */
export function extentsOf({ written, small }: Content): WrittenExtent[] {
  const extents = written.map(({ extent }) => extent)
  if (small !== undefined) {
    const { extent, key } = small
    extents.push({ id: extent.id, size: extent.size, key })
  }
  return extents
}

/** Runs a mutation that is the first to refer to the content; what is small is written on the way. */
export async function commitContent<Name extends 'putObject' | 'putPart'>(
  { committer }: StoreContext,
  name: Name,
  parameters: Omit<MutationParameters<Name>, 'extents'>,
  { written, small }: Content,
  policy: PlacementPolicy
): Promise<void> {
  const extents = written.map(({ extent: { id, size }, replicas }) => ({ id, size, replicas }))
  const complete = { ...parameters, extents } as MutationParameters<Name> & { extents: NewExtent[] }
  await (small === undefined
    ? committer.mutate(name, complete)
    : committer.mutateWithExtent(name, complete, { extent: small.extent, policy }))
}

function md5Of({ md5 }: { md5?: Buffer }): Buffer {
  if (md5 === undefined) throw new TypeError('MD5 is always among the digests')
  return md5
}

/** R2 counts the UTF-8 bytes of names and values. */
export function requireMetadataSize(customMetadata: readonly [string, string][]): void {
  let size = 0
  for (const [name, value] of customMetadata) {
    size += Buffer.byteLength(name) + Buffer.byteLength(value)
  }
  if (size <= customMetadataSizeMax) return

  throw new R2dError(
    'R2D_METADATA_TOO_LARGE',
    `Custom metadata of ${size} bytes is over the limit of ${customMetadataSizeMax}`
  )
}

function tooLarge(): R2dError {
  return new R2dError('R2D_OBJECT_TOO_LARGE', `A single write takes at most ${putSizeMax} bytes`)
}
