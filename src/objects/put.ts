/**
 * PutObject: body -> extents -> replicas -> commit.
 *
 * Nothing refers to the extents until the commit; what a refused or broken body leaves behind is dead bytes in segments.
 */

import { R2dError } from '../errors.ts'
import { customMetadataSizeMax } from '../limits.ts'
import { newId, newKey } from '../crypto/key-wrap.ts'
import { normalizeKey, objectKey } from '../metadata/keys.ts'
import { newExtent, type MutationParameters, type NewExtent } from '../metadata/mutations.ts'
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
import { buildManifest, type WrittenExtent } from './manifest.ts'
import { toObjectInfo } from './object-info.ts'
import { receiveBody, requirePutSize, type ReceivedBody } from './receive-body.ts'
import type { ObjectInfo, PutOptions } from './store.ts'

export async function put(
  context: StoreContext,
  bucketName: string,
  key: string,
  body: AsyncIterable<Uint8Array>,
  options: PutOptions
): Promise<ObjectInfo> {
  const rowSuffix = normalizeKey(key)
  requireMetadataSize(options.customMetadata)
  if (options.size !== undefined) requirePutSize(options.size)

  const bucket = await context.buckets.open(bucketName)
  const rowKey = objectKey(bucket.record.id, rowSuffix)
  context.requireRoom()
  await refuseEarly(context, rowKey, options)

  context.writers.count++
  const endWrite = context.writes.begin()
  try {
    const { policy } = bucket
    const content = await receiveBody(context, policy, body, options)
    return await commit(context, { bucket, rowKey, key, policy }, content, options)
  } finally {
    endWrite()
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

async function commit(
  context: StoreContext,
  target: { bucket: OpenBucket; rowKey: Buffer; key: string; policy: PlacementPolicy },
  content: ReceivedBody,
  options: PutOptions
): Promise<ObjectInfo> {
  const { bucket, rowKey, policy } = target
  const { digests } = content
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
export function extentsOf({ written, small }: ReceivedBody): WrittenExtent[] {
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
  { written, small }: ReceivedBody,
  policy: PlacementPolicy
): Promise<void> {
  const extents = written.map(({ extent, replicas }) => newExtent(extent, replicas, policy))
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
