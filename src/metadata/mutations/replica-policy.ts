/**
 * How many replicas extents have: of a location, and of a bucket where it is to differ.
 */

import { R2dError } from '../../errors.ts'
import { encodeBucketRecord } from '../bucket-record.ts'
import { bucketKey, locationKey } from '../keys.ts'
import { encodeLocationRecord, type LocationRecord } from '../location-record.ts'
import type { Transaction } from '../transaction.ts'
import { requireBucket } from './require-bucket.ts'

export interface SetLocationReplicas extends LocationRecord {
  name: string
  /** It may be a new one. */
  mayCreate: boolean
}

/** R2D_INVALID_LOCATION if there is no such location and it is to be none that is new. */
export async function setLocationReplicas(
  transaction: Transaction,
  { name, mayCreate, replicaCount, replicaCountMin }: SetLocationReplicas
): Promise<void> {
  if (!mayCreate && (await transaction.get(locationKey(name))) === undefined) {
    throw new R2dError('R2D_INVALID_LOCATION', `There is no location ${name}`)
  }

  transaction.put(locationKey(name), encodeLocationRecord({ replicaCount, replicaCountMin }))
}

export interface SetBucketReplicas {
  bucket: string
  bucketId: Buffer
  /** Both zero: as its location has it. */
  replicaCount: number
  replicaCountMin: number
}

/** For what is written from then on. */
export async function setBucketReplicas(
  transaction: Transaction,
  { bucket, bucketId, replicaCount, replicaCountMin }: SetBucketReplicas
): Promise<void> {
  const record = await requireBucket(transaction, { bucket, bucketId })
  transaction.put(
    bucketKey(bucket),
    encodeBucketRecord({ ...record, replicaCount, replicaCountMin })
  )
}
