/**
 * Buckets as the operations need them: opened, with their key and their location's policy.
 *
 * What was read is used for as long as the configuration's epoch is the same, and what is derived from a row, above
 * all the unwrapped key, for as long as the row has the same version.
 */

import { R2dError } from '../errors.ts'
import { decodeBucketRecord, type BucketRecord } from '../metadata/bucket-record.ts'
import { decodeCorsRecord, type CorsRule } from '../metadata/cors-record.ts'
import type { ConfigurationEpoch } from '../metadata/configuration-epoch.ts'
import type { Version } from '../metadata/engine.ts'
import { bucketKey, corsKey, lifecycleKey, locationKey } from '../metadata/keys.ts'
import { decodeLifecycleRecord } from '../metadata/lifecycle-record.ts'
import { decodeLocationRecord, type LocationRecord } from '../metadata/location-record.ts'
import { unwrapKey } from '../crypto/key-wrap.ts'
import type { Keyring } from '../crypto/keyring.ts'
import type { PlacementPolicy } from '../storage/extent-writer.ts'
import type { MetadataReader } from './context.ts'
import { LifecyclePlan } from './lifecycle-plan.ts'

/** Buckets whose keys are kept unwrapped; the least recently opened goes first. */
const openBucketCountMax = 1024

export interface OpenBucket {
  name: string
  record: BucketRecord
  /** 32 bytes. Never leaves the process. */
  key: Buffer
  /** How its extents are placed. */
  policy: PlacementPolicy
  /** Undefined if it has none. */
  corsRules: readonly CorsRule[] | undefined
  /** Undefined if it has no rules for objects. */
  lifecycle: LifecyclePlan | undefined
}

interface Known {
  epoch: number
  version: Version
  /** Of its location's row. */
  locationVersion: Version
  bucket: OpenBucket
}

export class BucketCatalog {
  readonly #metadata: MetadataReader
  readonly #keyring: Keyring
  readonly #epoch: ConfigurationEpoch
  readonly #open = new Map<string, Known>()

  constructor(metadata: MetadataReader, keyring: Keyring, epoch: ConfigurationEpoch) {
    this.#metadata = metadata
    this.#keyring = keyring
    this.#epoch = epoch
  }

  /** The bucket, if it is known without asking the engine. */
  known(name: string): OpenBucket | undefined {
    const known = this.#open.get(name)

    return known?.epoch === this.#epoch.current ? known.bucket : undefined
  }

  /** R2D_NO_SUCH_BUCKET. */
  async open(name: string): Promise<OpenBucket> {
    const epoch = this.#epoch.current
    const known = this.#open.get(name)
    if (known?.epoch === epoch) return known.bucket

    const { generation } = this.#keyring
    const row = await this.#metadata.get(bucketKey(name))
    if (row === undefined) {
      this.#open.delete(name)
      throw new R2dError('R2D_NO_SUCH_BUCKET', `There is no bucket ${name}`)
    }

    if (known?.version === row.version && (await this.#isInForce(known))) {
      known.epoch = epoch
      return known.bucket
    }

    const record = decodeBucketRecord(row.value)
    const key = this.#keyring.open(masterKey =>
      unwrapKey(masterKey, 'bucket', record.id, record.wrappedKey)
    )
    if (key === undefined) {
      // Read before the last row was rewrapped, and opened after the old key was dropped.
      if (generation !== this.#keyring.generation) return this.open(name)
      throw new R2dError('R2D_CORRUPT_RECORD', `The key of bucket ${name} does not open`)
    }

    const location = await this.#location(record.location)
    const policy = policyOf(record, location.record)
    const corsRules = await this.#corsRules(record)
    const lifecycle = await this.#lifecycle(record)
    const bucket = { name, record, key, policy, corsRules, lifecycle }
    this.#remember(name, { epoch, version: row.version, locationVersion: location.version, bucket })
    return bucket
  }

  /** What its location says is what it said. */
  async #isInForce({ bucket, locationVersion }: Known): Promise<boolean> {
    const row = await this.#metadata.get(locationKey(bucket.record.location))
    return row?.version === locationVersion
  }

  async #location(name: string): Promise<{ version: Version; record: LocationRecord }> {
    const row = await this.#metadata.get(locationKey(name))
    if (row !== undefined) return { version: row.version, record: decodeLocationRecord(row.value) }

    throw new R2dError('R2D_UNAVAILABLE', `Location ${name} is not configured`)
  }

  /** Read after the bucket's row, which is written with them: what is not of one moment is not of this epoch for long. */
  async #corsRules({ id, hasCors }: BucketRecord): Promise<readonly CorsRule[] | undefined> {
    const row = hasCors ? await this.#metadata.get(corsKey(id)) : undefined

    return row && decodeCorsRecord(row.value)
  }

  async #lifecycle({ id, timeIndex }: BucketRecord): Promise<LifecyclePlan | undefined> {
    const row = timeIndex === 'none' ? undefined : await this.#metadata.get(lifecycleKey(id))

    return row && new LifecyclePlan(decodeLifecycleRecord(row.value))
  }

  #remember(name: string, known: Known): void {
    this.#open.delete(name)
    this.#open.set(name, known)
    if (this.#open.size <= openBucketCountMax) return

    for (const oldest of this.#open.keys()) {
      this.#open.delete(oldest)
      return
    }
  }
}

/** The bucket's own policy, or else its location's. */
function policyOf(
  { location, replicaCount, replicaCountMin }: BucketRecord,
  ofLocation: LocationRecord
): PlacementPolicy {
  if (replicaCount === 0) return { location, ...ofLocation, replicaTarget: 0 }

  return { location, replicaCount, replicaCountMin, replicaTarget: replicaCount }
}
