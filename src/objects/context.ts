/**
 * What the operations on the store work with. Built once a thread, passed to each.
 */

import type { Keyring } from '../crypto/keyring.ts'
import type { Committer } from '../metadata/committer.ts'
import type { ConfigurationEpoch } from '../metadata/configuration-epoch.ts'
import type { Engine } from '../metadata/engine.ts'
import type { OperationRegister } from '../metadata/operation-register.ts'
import type { ExtentReader } from '../storage/extent-reader.ts'
import type { ExtentWriter } from '../storage/extent-writer.ts'
import type { BucketCatalog } from './bucket-catalog.ts'
import type { Hashers } from './hashers.ts'
import type { ObjectCatalog } from './object-catalog.ts'

export type MetadataReader = Pick<Engine, 'get' | 'getMany' | 'scan' | 'scanValues'>

export interface StoreContext {
  metadata: MetadataReader
  committer: Committer
  buckets: BucketCatalog
  objects: ObjectCatalog
  reader: ExtentReader
  /** Reads that are under way: what they read is not released. */
  reads: OperationRegister
  writer: ExtentWriter
  /** Writes that are under way: what they have appended is not dead before they have ended. */
  writes: OperationRegister
  hashers: Hashers
  keyring: Keyring
  epoch: ConfigurationEpoch
  /** Where a bucket goes for which nothing else was asked. */
  defaultLocation: string
  /** R2D_STORE_FULL if there is no room for more metadata: content that cannot be committed is not received. */
  requireRoom: () => void
  /** Milliseconds since the epoch. */
  now: () => number
  /** Bytes that the writes in this thread may hold: what they buffer shrinks as they get many. */
  writeBufferSize: number
  /** Writes in progress in this thread. */
  writers: { count: number }
}
