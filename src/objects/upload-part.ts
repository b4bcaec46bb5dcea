/**
 * UploadPart and UploadPartCopy: content that waits to become part of an object.
 *
 * A part that is copied shares the source's extents. Its content is not read, unless the upload wants a checksum that
 * only the bytes can give.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPart.html
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPartCopy.html
 */

import { createHash } from 'node:crypto'
import { newId, wrapKey } from '../crypto/key-wrap.ts'
import { R2dError } from '../errors.ts'
import { partCountMax, putSizeMax } from '../limits.ts'
import { normalizeKey, objectKey, partKey } from '../metadata/keys.ts'
import type { ExtentSlice } from '../metadata/manifest.ts'
import type { Checksums, ObjectRecord } from '../metadata/object-record.ts'
import { encodePartRecord, partSize, type PartRecord } from '../metadata/part-record.ts'
import type { UploadRecord } from '../metadata/upload-record.ts'
import { openContentKey } from './content-key.ts'
import type { StoreContext } from './context.ts'
import { requireSource } from './copy.ts'
import { Digests } from './digests.ts'
import { content as contentOf } from './get.ts'
import { buildManifest, joinManifests, slicesOf } from './manifest.ts'
import { commitContent, extentsOf } from './put.ts'
import { receiveBody } from './receive-body.ts'
import { retryConflicts } from './retry-conflicts.ts'
import type { CopyPartOptions, DigestName, PartInfo, PartTarget, PutOptions } from './store.ts'
import { openUpload } from './upload.ts'

export async function uploadPart(
  context: StoreContext,
  target: PartTarget,
  body: AsyncIterable<Uint8Array>,
  options: Pick<PutOptions, 'digests' | 'verify' | 'size' | 'customerKey'>
): Promise<PartInfo> {
  requirePartNumber(target)
  if (options.size !== undefined && options.size > putSizeMax) throw tooLarge()
  const { bucket, uploadRowKey, record: upload } = await openUpload(context, target)
  const contentKey = openContentKey(bucket, upload, options.customerKey)
  const { policy } = bucket
  context.requireRoom()

  context.writers.count++
  const endWrite = context.writes.begin()
  try {
    const digests = [...options.digests, ...checksumOf(upload)]
    const content = await receiveBody(context, policy, body, { ...options, digests })
    const { digests: found } = content
    const kept = options.verify?.(found) ?? {}
    const { manifest, pages } = buildManifest(extentsOf(content), contentKey)
    const part: PartRecord = {
      id: newId(),
      md5: required(found, 'md5'),
      checksums: { ...kept, ...pick(found, checksumOf(upload)) },
      uploaded: context.now(),
      manifest
    }
    const parameters = {
      bucket: bucket.name,
      bucketId: bucket.record.id,
      uploadRowKey,
      partRowKey: partKey(upload.versionId, target.partNumber),
      value: encodePartRecord(part),
      pages,
      shared: undefined,
      now: part.uploaded
    }
    await commitContent(context, 'putPart', parameters, content, policy)

    return toPartInfo(target.partNumber, part, upload)
  } finally {
    endWrite()
    context.writers.count--
  }
}

/** R2D_INVALID_RANGE if the range begins past the source's end. */
export async function copyPart(
  context: StoreContext,
  target: PartTarget,
  options: CopyPartOptions
): Promise<PartInfo> {
  requirePartNumber(target)

  const endRead = context.reads.begin()
  try {
    return await retryConflicts(() => copyPartOnce(context, target, options))
  } finally {
    endRead()
  }
}

async function copyPartOnce(
  context: StoreContext,
  target: PartTarget,
  options: CopyPartOptions
): Promise<PartInfo> {
  const sourceBucket = await context.buckets.open(options.sourceBucket)
  const { record: source } = await context.objects.read(sourceBucket, options.sourceKey)
  requireSource(source, options.sourcePrecondition)
  const sourceKey = openContentKey(sourceBucket, source, options.sourceCustomerKey)
  const range = resolve(options.range, source.size)
  const { bucket, uploadRowKey, record: upload } = await openUpload(context, target)
  const contentKey = openContentKey(bucket, upload, options.customerKey)

  const slices: ExtentSlice[] = []
  for await (const batch of slicesOf(source.manifest, sourceKey, range, context.metadata)) {
    for (const { extentId, offset, length, key } of batch) {
      const wrappedKey = wrapKey(contentKey, 'extent', extentId, key)
      slices.push({ extentId, offset, length, wrappedKey })
    }
  }
  const { manifest, pages } = joinManifests([{ kind: 'inline', slices }])
  const names = checksumOf(upload)
  const found =
    names.length === 0
      ? { md5: nameOf(source, range, slices) }
      : await digest(contentOf(context, sourceKey, source, range), names)
  const part: PartRecord = {
    id: newId(),
    md5: required(found, 'md5'),
    checksums: pick(found, names),
    uploaded: context.now(),
    manifest
  }
  await context.committer.mutate('putPart', {
    bucket: bucket.name,
    bucketId: bucket.record.id,
    uploadRowKey,
    partRowKey: partKey(upload.versionId, target.partNumber),
    value: encodePartRecord(part),
    extents: [],
    pages,
    shared: {
      sourceRowKey: objectKey(sourceBucket.record.id, normalizeKey(options.sourceKey)),
      sourceVersionId: source.versionId,
      extentIds: slices.map(({ extentId }) => extentId)
    },
    now: part.uploaded
  })

  return toPartInfo(target.partNumber, part, upload)
}

export function toPartInfo(
  number: number,
  part: PartRecord,
  { customerKeyMd5 }: UploadRecord
): PartInfo {
  const { md5, uploaded, checksums } = part
  const etag = md5.toString('hex')
  return { number, size: partSize(part), etag, uploaded, checksums, customerKeyMd5 }
}

function resolve(
  range: CopyPartOptions['range'],
  size: number
): { offset: number; length: number } {
  if (range === undefined) {
    if (size > putSizeMax) throw tooLarge()
    return { offset: 0, length: size }
  }

  if (range.start >= size) {
    throw new R2dError('R2D_INVALID_RANGE', `The source has ${size} bytes`)
  }
  const length = Math.min(range.end, size - 1) - range.start + 1
  if (length > putSizeMax) throw tooLarge()
  return { offset: range.start, length }
}

/**
 * MD5 of the content where it is known without reading it: of an object that was put whole and is copied whole.
 * Otherwise of where the content is, which names it as well, and is as short.
 */
function nameOf(
  { size, etag }: ObjectRecord,
  { length }: { length: number },
  slices: readonly ExtentSlice[]
): Buffer {
  if (length === size && /^[0-9a-f]{32}$/.test(etag)) return Buffer.from(etag, 'hex')

  const name = createHash('md5')
  for (const { extentId, offset, length: count } of slices) {
    name.update(extentId).update(`${offset}+${count},`)
  }
  return name.digest()
}

async function digest(
  content: AsyncIterable<Buffer>,
  names: readonly DigestName[]
): Promise<Checksums> {
  const digests = new Digests(['md5', ...names])
  for await (const piece of content) digests.update(piece)
  return digests.finish()
}

function checksumOf({ checksum }: UploadRecord): DigestName[] {
  return checksum === undefined ? [] : [checksum.name]
}

function pick(found: Checksums, names: readonly DigestName[]): Checksums {
  return Object.fromEntries(names.map(name => [name, required(found, name)]))
}

function required(found: Checksums, name: DigestName): Buffer {
  const value = found[name]
  if (value === undefined) throw new TypeError(`${name} is among the digests`)
  return value
}

function requirePartNumber({ partNumber }: PartTarget): void {
  if (Number.isInteger(partNumber) && partNumber >= 1 && partNumber <= partCountMax) return

  throw new R2dError(
    'R2D_INVALID_PART',
    `Part number must be an integer between 1 and ${partCountMax}, inclusive.`
  )
}

function tooLarge(): R2dError {
  return new R2dError('R2D_OBJECT_TOO_LARGE', `A part has at most ${putSizeMax} bytes`)
}
