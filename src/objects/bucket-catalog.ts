/**
 * Buckets as the operations need them: opened, with their key and their location's policy.
 *
 * The rows are read each time, so that what another thread has just committed is seen; what is derived from
 * them, above all the unwrapped key, is kept for as long as the row has the same version.
 */

import { R2dError } from '../errors.ts'
import { decodeBucketRecord, type BucketRecord } from '../metadata/bucket-record.ts'
import type { Version } from '../metadata/engine.ts'
import { bucketKey, locationKey } from '../metadata/keys.ts'
import { decodeLocationRecord } from '../metadata/location-record.ts'
import { unwrapKey } from '../crypto/key-wrap.ts'
import type { PlacementPolicy } from '../storage/extent-writer.ts'
import type { MetadataReader } from './context.ts'

/** Buckets whose keys are kept unwrapped; the least recently opened goes first. */
const openBucketCountMax = 1024

export interface OpenBucket {
  name: string
  record: BucketRecord
  /** 32 bytes. Never leaves the process. */
  key: Buffer
}

export class BucketCatalog {
  readonly #metadata: MetadataReader
  readonly #masterKey: Buffer
  readonly #open = new Map<string, { version: Version; bucket: OpenBucket }>()

  constructor(metadata: MetadataReader, masterKey: Buffer) {
    this.#metadata = metadata
    this.#masterKey = masterKey
  }

  /** R2D_NO_SUCH_BUCKET. */
  async open(name: string): Promise<OpenBucket> {
    const row = await this.#metadata.get(bucketKey(name))
    if (row === undefined) {
      this.#open.delete(name)
      throw new R2dError('R2D_NO_SUCH_BUCKET', `There is no bucket ${name}`)
    }

    const known = this.#open.get(name)
    if (known?.version === row.version) return known.bucket

    const record = decodeBucketRecord(row.value)
    const key = unwrapKey(this.#masterKey, 'bucket', record.id, record.wrappedKey)
    if (key === undefined) {
      throw new R2dError('R2D_CORRUPT_RECORD', `The key of bucket ${name} does not open`)
    }

    const bucket = { name, record, key }
    this.#remember(name, row.version, bucket)
    return bucket
  }

  /** How extents of the bucket are placed. */
  async policy({ record }: OpenBucket): Promise<PlacementPolicy> {
    const row = await this.#metadata.get(locationKey(record.location))
    if (row === undefined) {
      throw new R2dError('R2D_UNAVAILABLE', `Location ${record.location} is not configured`)
    }

    const { replicaCount } = decodeLocationRecord(row.value)
    return { location: record.location, replicaCount }
  }

  #remember(name: string, version: Version, bucket: OpenBucket): void {
    this.#open.delete(name)
    this.#open.set(name, { version, bucket })
    if (this.#open.size <= openBucketCountMax) return

    for (const oldest of this.#open.keys()) {
      this.#open.delete(oldest)
      return
    }
  }
}
