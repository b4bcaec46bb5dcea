/**
 * The bucket record.
 */

import type { StorageClass } from './object-record.ts'

export interface BucketRecord {
  /** 12 bytes, random: the prefix of its objects' row keys, so that a name used again starts empty. */
  id: Buffer
  /** Milliseconds since the epoch. */
  created: number
  /** Name of the location that its extents are placed in. */
  location: string
  storageClass: StorageClass
  /** 48 bytes: the bucket's key, wrapped under the master key. */
  wrappedKey: Buffer
  /** `deleting` refuses writes while DeleteBucket makes sure that nothing is in it. */
  state: 'active' | 'deleting'
}
