/**
 * CreateBucket, HeadBucket, ListBuckets, DeleteBucket.
 */

import { randomBytes } from 'node:crypto'
import { newKey, wrapKey } from '../crypto/key-wrap.ts'
import { R2dError } from '../errors.ts'
import { decodeBucketRecord, type BucketRecord } from '../metadata/bucket-record.ts'
import type { Range, Version } from '../metadata/engine.ts'
import {
  bucketKey,
  bucketRange,
  locationKey,
  objectRange,
  parseBucketKey,
  trashRange
} from '../metadata/keys.ts'
import type { StorageClass } from '../metadata/object-record.ts'
import type { MetadataReader, StoreContext } from './context.ts'
import { retryConflicts } from './retry-conflicts.ts'
import type { BucketInfo } from './store.ts'
import { abortAllUploads } from './upload.ts'

/** R2: 3 to 63 of a-z, 0-9 and `-`, a letter or digit at both ends. */
const bucketName = /^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/

/** R2: a hint is honoured where it can be, and is no promise. */
const locationHints = new Set(['wnam', 'enam', 'weur', 'eeur', 'apac', 'oc'])

interface CreateBucketOptions {
  location?: string
  storageClass?: StorageClass
}

export async function createBucket(
  context: StoreContext,
  name: string,
  options: CreateBucketOptions
): Promise<BucketInfo> {
  if (!bucketName.test(name)) {
    throw new R2dError(
      'R2D_INVALID_BUCKET_NAME',
      `Bucket name ${JSON.stringify(name)} is not valid`,
      {
        hint: 'Use 3 to 63 lower-case letters, digits and hyphens, with a letter or digit at both ends'
      }
    )
  }

  // The master key may be rotated between the wrapping and the commit.
  return retryConflicts(() => createBucketOnce(context, name, options))
}

async function createBucketOnce(
  { committer, keyring, metadata, defaultLocation, now }: StoreContext,
  name: string,
  { location, storageClass }: CreateBucketOptions
): Promise<BucketInfo> {
  const isHint = location !== undefined && locationHints.has(location)
  const isKnown = isHint && (await hasLocation({ metadata }, location))
  const id = randomBytes(12)
  const masterKey = keyring.current
  const record: BucketRecord = {
    id,
    created: now(),
    location: location === undefined || (isHint && !isKnown) ? defaultLocation : location,
    storageClass: storageClass ?? 'STANDARD',
    wrappedKey: wrapKey(masterKey.key, 'bucket', id, newKey()),
    state: 'active',
    hasCors: false,
    timeIndex: 'none',
    replicaCount: 0,
    replicaCountMin: 0,
    trashMode: 'off',
    trashSeconds: 0,
    trashSince: 0
  }
  await committer.mutate('createBucket', { name, record, masterKeyId: masterKey.id })

  return toBucketInfo(name, record)
}

export async function hasLocation(
  { metadata }: Pick<StoreContext, 'metadata'>,
  name: string
): Promise<boolean> {
  return (await metadata.get(locationKey(name))) !== undefined
}

export async function headBucket({ buckets }: StoreContext, name: string): Promise<BucketInfo> {
  return toBucketInfo(name, (await buckets.open(name)).record)
}

export async function listBuckets(
  { metadata }: StoreContext,
  { prefix, startAfter, limit }: { prefix: string; startAfter: string; limit: number }
): Promise<{ buckets: BucketInfo[]; isTruncated: boolean }> {
  await using cursor = metadata.scan(bucketRange(prefix))
  if (startAfter >= prefix && startAfter !== '') cursor.seek(bucketKey(`${startAfter}\0`))

  const entries = await cursor.read(limit + 1)
  const buckets = entries
    .slice(0, limit)
    .map(({ key, value }) => toBucketInfo(parseBucketKey(key), decodeBucketRecord(value)))
  return { buckets, isTruncated: entries.length > limit }
}

/** Uploads in progress go with it. R2D_BUCKET_NOT_EMPTY if an object is in it. */
export async function deleteBucket(context: StoreContext, name: string): Promise<void> {
  await retryConflicts(() => deleteBucketOnce(context, name))
}

async function deleteBucketOnce(context: StoreContext, name: string): Promise<void> {
  const { buckets, committer, metadata } = context
  const { id } = (await buckets.open(name)).record
  // Seen without the mark first: two commits are too much for a bucket that is in use.
  await requireEmpty(context, name, id)

  await committer.mutate('markBucket', { name, id })
  const { version } = await readBucket(metadata, name)
  await requireEmpty(context, name, id)
  await abortAllUploads(context, id)
  await committer.mutate('removeBucket', { name, id, version })
}

/** As its row is now, without its key. R2D_NO_SUCH_BUCKET. */
export async function readBucket(
  metadata: Pick<MetadataReader, 'get'>,
  name: string
): Promise<BucketRecord & { version: Version }> {
  const row = await metadata.get(bucketKey(name))
  if (row === undefined) throw new R2dError('R2D_NO_SUCH_BUCKET', `There is no bucket ${name}`)

  return { ...decodeBucketRecord(row.value), version: row.version }
}

/** The objects first: one that is deleted meanwhile is in the trash by then. */
async function requireEmpty(
  { metadata }: StoreContext,
  name: string,
  bucketId: Buffer
): Promise<void> {
  if (await hasRows(metadata, objectRange(bucketId, Buffer.alloc(0)))) {
    throw notEmpty(`Bucket ${name} is not empty`, 'Delete the objects in it first')
  }
  if (await hasRows(metadata, trashRange(bucketId))) {
    throw notEmpty(
      `Bucket ${name} is empty, but keeps deleted objects for a while`,
      `Let go of those first: r2d trash empty ${name}`
    )
  }
}

async function hasRows(metadata: StoreContext['metadata'], range: Range): Promise<boolean> {
  await using cursor = metadata.scan(range)
  return (await cursor.read(1)).length > 0
}

function notEmpty(message: string, hint: string): R2dError {
  return new R2dError('R2D_BUCKET_NOT_EMPTY', message, { hint })
}

function toBucketInfo(name: string, { created, location, storageClass }: BucketRecord): BucketInfo {
  return { name, created, location, storageClass }
}
