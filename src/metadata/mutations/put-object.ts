/**
 * PutObject's commit: the one step that makes an object durable and visible.
 *
 * Before it, every extent is durable on all its replicas. One batch makes the version current for its key, names its
 * extents, and hands what the replaced version held to the release queue. After a crash before the
 * batch, the extents have no row and are dead bytes; after one behind it, the object is whole.
 */

import { R2dError } from '../../errors.ts'
import { decodeBucketRecord, encodeBucketRecord, type BucketRecord } from '../bucket-record.ts'
import { encodeDiscardRecord } from '../discard-record.ts'
import { encodeExtentRecord, type Replica } from '../extent-record.ts'
import type { PlacementPolicy } from '../../storage/extent-writer.ts'
import { bucketKey, discardKey, extentKey, manifestPageKey, repairKey } from '../keys.ts'
import type { Manifest } from '../manifest.ts'
import { decodeObjectRecord, type ObjectRecord } from '../object-record.ts'
import { evaluate, type Precondition } from '../precondition.ts'
import { encodeRepairRecord } from '../repair-record.ts'
import type { Transaction } from '../transaction.ts'
import { reindex } from './time-index.ts'
import { admitReplicas } from './volume.ts'

/** An extent that this commit is the first to refer to. */
export interface NewExtent {
  id: Buffer
  /** Bytes of plaintext. */
  size: number
  replicas: Replica[]
  /** As its row is to say: zero, if its location decides. */
  replicaTarget: number
  /** Fewer replicas than it is to have: the commit queues it for repair. */
  isDegraded: boolean
  /** With fewer than these the commit is refused. */
  replicaCountMin: number
}

export function newExtent(
  { id, size }: { id: Buffer; size: number },
  replicas: Replica[],
  { replicaCount, replicaCountMin, replicaTarget }: PlacementPolicy
): NewExtent {
  const isDegraded = replicas.length < replicaCount
  return { id, size, replicas, replicaTarget, replicaCountMin, isDegraded }
}

/** A manifest page that this commit is the first to refer to. */
export interface NewPage {
  id: Buffer
  /** The encoded ManifestPageRecord, with one reference. */
  value: Buffer
}

/** Where an object goes, and what its arrival depends on. */
export interface Destination {
  bucket: string
  /** The bucket must still be the one that the content was encrypted for. */
  bucketId: Buffer
  /** The object's row key. */
  rowKey: Buffer
  precondition?: Precondition | undefined
  /** R2D_TOO_MANY_WRITES if the current version is not as old as this, milliseconds. */
  minIntervalMs?: number | undefined
  /** Milliseconds since the epoch. */
  now: number
}

export interface PutObject extends Destination {
  /** The encoded ObjectRecord. */
  value: Buffer
  extents: NewExtent[]
  pages: NewPage[]
}

export async function putObject(transaction: Transaction, put: PutObject): Promise<void> {
  await replaceObject(transaction, put, put.value)
  await putContent(transaction, put)
}

/** Rows of extents and pages that are referred to for the first time. R2D_UNAVAILABLE: volumes have gone since it was written. */
export async function putContent(
  transaction: Transaction,
  { extents, pages, now }: { extents: readonly NewExtent[]; pages: readonly NewPage[]; now: number }
): Promise<void> {
  for (const { id, size, replicas, replicaTarget, replicaCountMin, isDegraded } of extents) {
    const { admitted, mayStay } = await admitReplicas(transaction, replicas)
    if (admitted.length < replicaCountMin) throw volumesGone()

    const record = { size, references: 1, replicaTarget, replicas: admitted }
    transaction.put(extentKey(id), encodeExtentRecord(record))
    if (mayStay && !isDegraded) continue
    const repair = { queued: now, replicaCount: admitted.length }
    transaction.put(repairKey(id), encodeRepairRecord(repair))
  }
  for (const { id, value } of pages) transaction.put(manifestPageKey(id), value)
}

/** Makes `value` the current version at `destination`, if the bucket and the precondition allow. */
export async function replaceObject(
  transaction: Transaction,
  destination: Destination,
  value: Buffer
): Promise<void> {
  const { rowKey, minIntervalMs = 0, now } = destination
  const bucket = await requireBucket(transaction, destination)

  const current = await requirePrecondition(transaction, destination)
  if (current !== undefined && Math.abs(now - current.uploaded) < minIntervalMs) {
    throw new R2dError('R2D_TOO_MANY_WRITES', 'The key was written less than a second ago')
  }

  if (current !== undefined) discard(transaction, current.versionId, current.manifest, now)
  reindex(transaction, bucket, {
    rowKey,
    before: current,
    after: () => decodeObjectRecord(value)
  })
  transaction.put(rowKey, value)
}

/** The current version, if the precondition holds for it. */
export async function requirePrecondition(
  transaction: Transaction,
  { rowKey, precondition }: Destination
): Promise<ObjectRecord | undefined> {
  const found = await transaction.get(rowKey)
  const current = found && decodeObjectRecord(found.value)
  if (precondition !== undefined && evaluate(precondition, current) !== 'holds') {
    throw new R2dError('R2D_PRECONDITION_FAILED', 'The precondition does not hold')
  }
  return current
}

/**
 * The bucket is there, and is the one that the caller has read. A write into a bucket that is about to be deleted takes the mark
 * away, and with it the right to delete: who was at it looks again.
 */
export async function requireBucket(
  transaction: Transaction,
  { bucket, bucketId }: { bucket: string; bucketId: Buffer }
): Promise<BucketRecord> {
  const found = await transaction.get(bucketKey(bucket))
  const record = found && decodeBucketRecord(found.value)
  if (!record?.id.equals(bucketId)) {
    throw new R2dError('R2D_NO_SUCH_BUCKET', `There is no bucket ${bucket}`)
  }
  if (record.state === 'active') return record

  const active: BucketRecord = { ...record, state: 'active' }
  transaction.put(bucketKey(bucket), encodeBucketRecord(active))
  return active
}

/** Hands what a version or part refers to, on its way out, to the release queue. */
export function discard(
  transaction: Transaction,
  id: Buffer,
  manifest: Manifest,
  now: number
): void {
  const extentIds =
    manifest.kind === 'inline' ? manifest.slices.map(({ extentId }) => extentId) : []
  const pageIds = manifest.kind === 'paged' ? manifest.pages.map(({ pageId }) => pageId) : []
  if (extentIds.length + pageIds.length === 0) return

  transaction.put(discardKey(now, id), encodeDiscardRecord({ extentIds, pageIds }))
}

function volumesGone(): R2dError {
  return new R2dError('R2D_UNAVAILABLE', 'A volume was taken out while content was written to it', {
    hint: 'Repeat the request'
  })
}
