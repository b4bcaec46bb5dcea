/**
 * CompleteMultipartUpload: the parts that the client names become an object, in one commit whatever its size.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html
 */

import { createHash } from 'node:crypto'
import { R2dError } from '../errors.ts'
import { objectSizeMax, partSizeMin } from '../limits.ts'
import {
  encodeObjectRecord,
  type Checksums,
  type ObjectRecord,
  type PartRun
} from '../metadata/object-record.ts'
import { partSize } from '../metadata/part-record.ts'
import type { UploadRecord } from '../metadata/upload-record.ts'
import type { StoreContext } from './context.ts'
import { combineCrcs } from './crc-combine.ts'
import { Digests } from './digests.ts'
import { joinManifests } from './manifest.ts'
import { toObjectInfo } from './object-info.ts'
import { retryConflicts } from './retry-conflicts.ts'
import type { CompleteUploadOptions, ObjectInfo, UploadTarget } from './store.ts'
import { abortUpload, openUpload, readParts, type NumberedPart } from './upload.ts'

/** Rejects with what is wrong with the list of parts; the upload stays as it is then. */
export async function completeUpload(
  context: StoreContext,
  target: UploadTarget,
  options: CompleteUploadOptions
): Promise<ObjectInfo> {
  try {
    return await retryConflicts(() => completeOnce(context, target, options))
  } catch (error) {
    const isRefused = error instanceof R2dError && error.code === 'R2D_PRECONDITION_FAILED'
    if (isRefused) await abortUpload(context, target)
    throw error
  }
}

async function completeOnce(
  context: StoreContext,
  target: UploadTarget,
  options: CompleteUploadOptions
): Promise<ObjectInfo> {
  // The revision first: a part that is written while they are read makes it another one.
  const { bucket, rowKey, uploadRowKey, record: upload } = await openUpload(context, target)
  const found = new Map<number, NumberedPart>()
  for await (const parts of readParts(context, upload)) {
    for (const part of parts) found.set(part.number, part)
  }
  const used = choose(found, options)
  requireSizes(used, options)

  const { manifest, pages } = joinManifests(used.map(({ record }) => record.manifest))
  const checksums = checksumsOf(upload, used)
  requireChecksums(checksums, options)
  const now = context.now()
  const { versionId, wrappedKey, customerKeyMd5, tags } = upload
  const record: ObjectRecord = {
    versionId,
    key: target.key,
    size: used.reduce((sum, part) => sum + partSize(part.record), 0),
    etag: etagOf(used),
    uploaded: now,
    storageClass: upload.storageClass,
    httpMetadata: upload.httpMetadata,
    customMetadata: upload.customMetadata,
    checksums,
    wrappedKey,
    manifest,
    parts: runsOf(used),
    ...(customerKeyMd5 === undefined ? {} : { customerKeyMd5 }),
    ...(upload.checksum?.isComposite === true ? { isComposite: true } : {}),
    ...(tags.length === 0 ? {} : { tags })
  }
  const usedNumbers = new Set(used.map(({ number }) => number))
  const all = [...found.values()]
  await context.committer.mutate('completeUpload', {
    bucket: bucket.name,
    bucketId: bucket.record.id,
    rowKey,
    precondition: options.precondition,
    minIntervalMs: options.minIntervalMs,
    now,
    uploadRowKey,
    revision: upload.revision,
    value: encodeObjectRecord(record),
    pages,
    partRowKeys: all.map(part => part.rowKey),
    unusedRowKeys: all.filter(({ number }) => !usedNumbers.has(number)).map(part => part.rowKey)
  })

  return toObjectInfo(record, bucket)
}

/** The parts that the client names, which must be those that are there. */
function choose(
  found: ReadonlyMap<number, NumberedPart>,
  { parts }: CompleteUploadOptions
): NumberedPart[] {
  return parts.map(({ number, etag, checksums }) => {
    const part = found.get(number)
    const isSame =
      part?.record.md5.toString('hex') === etag &&
      Object.entries(checksums).every(([name, value]: [string, Buffer]) => {
        return part.record.checksums[name as keyof Checksums]?.equals(value) === true
      })
    if (part === undefined || !isSame) {
      throw new R2dError(
        'R2D_INVALID_PART',
        'One or more of the specified parts could not be found.'
      )
    }
    return part
  })
}

function requireSizes(
  parts: readonly NumberedPart[],
  { size: expected, requiresEvenParts }: CompleteUploadOptions
): void {
  const sizes = parts.map(({ record }) => partSize(record))
  const first = sizes[0] ?? 0
  const total = sizes.reduce((sum, size) => sum + size, 0)
  for (const [index, size] of sizes.entries()) {
    const isLast = index === sizes.length - 1
    if (!isLast && size < partSizeMin) {
      throw new R2dError('R2D_PART_TOO_SMALL', `Part ${index + 1} has ${size} bytes`)
    }
    if (requiresEvenParts && (isLast ? size > first : size !== first)) {
      throw new R2dError('R2D_INVALID_PART', 'All non-trailing parts must have the same length.')
    }
  }

  if (total > objectSizeMax) {
    throw new R2dError('R2D_OBJECT_TOO_LARGE', `An object has at most ${objectSizeMax} bytes`)
  }
  if (expected !== undefined && expected !== total) {
    throw new R2dError(
      'R2D_INVALID_PART',
      `The parts have ${total} bytes, and the object is to have ${expected}`
    )
  }
}

/** MD5 of the parts' MD5s, and how many there are. */
function etagOf(parts: readonly NumberedPart[]): string {
  const all = createHash('md5')
  for (const { record } of parts) all.update(record.md5)

  return `${all.digest('hex')}-${parts.length}`
}

function checksumsOf({ checksum }: UploadRecord, parts: readonly NumberedPart[]): Checksums {
  if (checksum === undefined) return {}

  const { name, isComposite } = checksum
  const runs = parts.map(({ record }) => {
    const crc = record.checksums[name]
    if (crc === undefined) throw new TypeError(`Every part of the upload has a ${name}`)
    return { crc, size: partSize(record) }
  })
  if (!isComposite && (name === 'crc32' || name === 'crc32c' || name === 'crc64nvme')) {
    return { [name]: combineCrcs(name, runs) }
  }
  const digests = new Digests([name])
  for (const { crc } of runs) digests.update(crc)
  return digests.finish()
}

function requireChecksums(found: Checksums, { checksums }: CompleteUploadOptions): void {
  for (const [name, value] of Object.entries(checksums) as [keyof Checksums, Buffer][]) {
    if (found[name]?.equals(value) === true) continue
    throw new R2dError(
      'R2D_BAD_DIGEST',
      `The ${name.toUpperCase()} you specified did not match the calculated checksum.`
    )
  }
}

function runsOf(parts: readonly NumberedPart[]): PartRun[] {
  const runs: PartRun[] = []
  for (const { record } of parts) {
    const size = partSize(record)
    const last = runs.at(-1)
    if (last?.size === size) last.count++
    else runs.push({ count: 1, size })
  }
  return runs
}
