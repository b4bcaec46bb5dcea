/**
 * The time index: a row for each object of a bucket that has lifecycle rules for objects, ordered by upload time; one that was brought back
 * from the trash counts from then.
 *
 * The commit that changes an object changes its index row with it, from the moment at which the bucket's row says that
 * the index is being built. So objects are found by their age without a look at those that are younger.
 */

import { isIndexed, type BucketRecord } from '../bucket-record.ts'
import { parseObjectKey, timeIndexKey } from '../keys.ts'
import { currentSince, type ObjectRecord } from '../object-record.ts'
import { encodeTimeIndexRecord } from '../time-index-record.ts'
import type { Transaction } from '../transaction.ts'

type Dated = Pick<ObjectRecord, 'uploaded' | 'restored'>

export interface IndexChange {
  /** The object's. */
  rowKey: Buffer
  /** The object as it was, and as it will be; undefined if it is not there. */
  before: Dated | undefined
  after: (() => Dated) | undefined
}

/** Keeps the index in step with a change of an object. `after` is asked for only where there is an index. */
export function reindex(
  transaction: Transaction,
  bucket: BucketRecord,
  { rowKey, before, after }: IndexChange
): void {
  if (!isIndexed(bucket)) return

  const { bucketId, key } = parseObjectKey(rowKey)
  if (before !== undefined) transaction.delete(timeIndexKey(bucketId, currentSince(before), key))
  // Behind it: within one millisecond both are the same row.
  if (after !== undefined) {
    transaction.put(timeIndexKey(bucketId, currentSince(after()), key), encodeTimeIndexRecord())
  }
}
