/**
 * Buckets come, are marked, and go.
 *
 * DeleteBucket is two commits, because "is empty" is a statement about a range, which no check of single keys can
 * hold still: the first marks the bucket; what is in it is then looked at; the second removes it, if the mark is still the
 * one that was made. A write into the bucket takes the mark away. So a mark that is left behind, by an error or a kill, is in
 * nobody's way.
 */

import { R2dError } from '../../errors.ts'
import {
  decodeBucketRecord,
  encodeBucketRecord,
  isIndexed,
  type BucketRecord
} from '../bucket-record.ts'
import type { Version, Versioned } from '../engine.ts'
import {
  bucketKey,
  corsKey,
  lifecycleKey,
  lifecycleProgressKey,
  locationKey,
  trashUsageKey
} from '../keys.ts'
import { defaultLifecycle, encodeLifecycleRecord } from '../lifecycle-record.ts'
import type { Transaction } from '../transaction.ts'
import { requireMasterKey } from './master-key.ts'

export interface CreateBucket {
  name: string
  record: BucketRecord
  /** Id of the master key that its key is wrapped under. */
  masterKeyId: Buffer
}

export async function createBucket(
  transaction: Transaction,
  { name, record, masterKeyId }: CreateBucket
): Promise<void> {
  await requireMasterKey(transaction, masterKeyId)
  if ((await transaction.get(bucketKey(name))) !== undefined) {
    throw new R2dError('R2D_BUCKET_EXISTS', `Bucket ${name} exists`)
  }
  if ((await transaction.get(locationKey(record.location))) === undefined) {
    throw new R2dError('R2D_INVALID_LOCATION', `There is no location ${record.location}`)
  }

  transaction.put(bucketKey(name), encodeBucketRecord(record))
  transaction.put(lifecycleKey(record.id), encodeLifecycleRecord(defaultLifecycle))
}

export interface MarkBucket {
  name: string
  id: Buffer
}

/** The next write into it takes the mark away. */
export async function markBucket(
  transaction: Transaction,
  { name, id }: MarkBucket
): Promise<void> {
  const { record } = await requireRecord(transaction, name, id)
  transaction.put(bucketKey(name), encodeBucketRecord({ ...record, state: 'deleting' }))
}

export interface RemoveBucket {
  name: string
  id: Buffer
  /** Of the bucket's row, read after it was marked and before the bucket was seen empty. */
  version: Version
}

/**
 * The row must not have been written since the bucket was seen empty: an object may have come in, which took the mark
 * away, and another DeleteBucket have marked it again. R2D_CONFLICT: mark and look again.
 */
export async function removeBucket(
  transaction: Transaction,
  { name, id, version }: RemoveBucket
): Promise<void> {
  const { row, record } = await requireRecord(transaction, name, id)
  if (record.state !== 'deleting' || row.version !== version) {
    throw new R2dError('R2D_CONFLICT', `Bucket ${name} has changed while it was being deleted`)
  }

  transaction.delete(bucketKey(name))
  if (record.hasCors) transaction.delete(corsKey(id))
  transaction.delete(trashUsageKey(id))
  transaction.delete(lifecycleKey(id))
  // The index of an empty bucket is empty, if it is in step. Otherwise the progress row is how its rest is found.
  if (isIndexed(record)) transaction.delete(lifecycleProgressKey(id))
}

async function requireRecord(
  transaction: Transaction,
  name: string,
  id: Buffer
): Promise<{ row: Versioned; record: BucketRecord }> {
  const row = await transaction.get(bucketKey(name))
  if (row !== undefined) {
    const record = decodeBucketRecord(row.value)
    if (record.id.equals(id)) return { row, record }
  }

  throw new R2dError('R2D_NO_SUCH_BUCKET', `There is no bucket ${name}`)
}
