/**
 * How many replicas extents have, as an operator sees and sets it: of locations, and of buckets.
 */

import type { BucketReplicas, LocationStatus } from '../src/control/volume-protocol.ts'
import { R2dError } from '../src/errors.ts'
import { decodeBucketRecord } from '../src/metadata/bucket-record.ts'
import type { Committer } from '../src/metadata/committer.ts'
import type { Engine } from '../src/metadata/engine.ts'
import {
  bucketRange,
  locationKey,
  locationRange,
  parseBucketKey,
  parseLocationKey
} from '../src/metadata/keys.ts'
import { decodeLocationRecord, type LocationRecord } from '../src/metadata/location-record.ts'
import { readBucket } from '../src/objects/bucket.ts'
import { readVolumeRows } from './volume-rows.ts'

/** Replicas of an extent: more are no more safety. */
const replicaCountMax = 16

const locationName = /^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$/

export interface ReplicaPoliciesOptions {
  metadata: Engine
  committer: Committer
  homePath: string
  /** Extents may have too few replicas, or too many. */
  onChange: () => void
}

export class ReplicaPolicies {
  readonly #options: ReplicaPoliciesOptions

  constructor(options: ReplicaPoliciesOptions) {
    this.#options = options
  }

  async locations(): Promise<LocationStatus[]> {
    await using cursor = this.#options.metadata.scan(locationRange())
    const entries = await cursor.read(1000)

    return entries.map(({ key, value }) => ({
      name: parseLocationKey(key),
      ...decodeLocationRecord(value)
    }))
  }

  /** R2D_INVALID_LOCATION. */
  async requireLocation(name: string): Promise<LocationRecord> {
    const row = await this.#options.metadata.get(locationKey(name))
    if (row !== undefined) return decodeLocationRecord(row.value)

    throw new R2dError('R2D_INVALID_LOCATION', `There is no location ${name}`, {
      hint: `r2d location set ${name} --replicas 2 makes one`
    })
  }

  /** Makes the location if it is not there. Rejects with R2D_TOO_FEW_VOLUMES, unless it has no volume at all yet. */
  async setLocation(name: string, policy: LocationRecord): Promise<void> {
    if (!locationName.test(name)) {
      throw new R2dError(
        'R2D_INVALID_LOCATION',
        `${JSON.stringify(name)} is no name for a location`,
        {
          hint: 'Use 1 to 32 lower-case letters, digits and hyphens, with a letter or digit at both ends'
        }
      )
    }
    requirePolicy(policy)
    const volumes = await this.#volumeCount(name)
    if (volumes > 0 && volumes < policy.replicaCount)
      throw tooFew(name, policy.replicaCount, volumes)

    await this.#options.committer.mutate('setLocationReplicas', {
      name,
      mayCreate: true,
      ...policy
    })
    this.#options.onChange()
  }

  async bucket(name: string): Promise<BucketReplicas> {
    const { location, replicaCount, replicaCountMin } = await readBucket(
      this.#options.metadata,
      name
    )
    const isOwn = replicaCount > 0
    const policy = isOwn ? { replicaCount, replicaCountMin } : await this.requireLocation(location)

    return { bucket: name, location, isOwn, ...policy }
  }

  /** Undefined: as its location has it. For what is written from then on. R2D_TOO_FEW_VOLUMES. */
  async setBucket(name: string, policy: LocationRecord | undefined): Promise<BucketReplicas> {
    const { id, location } = await readBucket(this.#options.metadata, name)
    if (policy !== undefined) {
      requirePolicy(policy)
      const volumes = await this.#volumeCount(location)
      if (volumes < policy.replicaCount) throw tooFew(location, policy.replicaCount, volumes)
    }

    const own = policy ?? { replicaCount: 0, replicaCountMin: 0 }
    await this.#options.committer.mutate('setBucketReplicas', {
      bucket: name,
      bucketId: id,
      ...own
    })
    return this.bucket(name)
  }

  /** R2D_TOO_FEW_VOLUMES if a location cannot keep what it and its buckets promise without this volume. */
  async requireVolumes(location: string, without: number): Promise<void> {
    const volumes = await this.#volumeCount(location, without)
    const { replicaCount } = await this.requireLocation(location)
    if (volumes < replicaCount) throw tooFew(location, replicaCount, volumes)

    await using cursor = this.#options.metadata.scan(bucketRange(''))
    for (;;) {
      const entries = await cursor.read(1000)
      if (entries.length === 0) return
      for (const { key, value } of entries) {
        const bucket = decodeBucketRecord(value)
        if (bucket.location !== location || bucket.replicaCount <= volumes) continue
        throw tooFew(
          `${location}, for bucket ${parseBucketKey(key)},`,
          bucket.replicaCount,
          volumes
        )
      }
    }
  }

  /** That replicas may be put on. */
  async #volumeCount(location: string, without = 0): Promise<number> {
    const { metadata, homePath } = this.#options
    const rows = await readVolumeRows(metadata, homePath)
    return rows.filter(
      row => row.state === 'active' && row.location === location && row.number !== without
    ).length
  }
}

function requirePolicy({ replicaCount, replicaCountMin }: LocationRecord): void {
  if (replicaCount >= 1 && replicaCount <= replicaCountMax) {
    if (replicaCountMin >= 1 && replicaCountMin <= replicaCount) return
  }

  throw new R2dError(
    'R2D_INVALID_CONFIG',
    `There are 1 to ${replicaCountMax} replicas, and a minimum of 1 to as many as there are`
  )
}

function tooFew(location: string, wanted: number, volumes: number): R2dError {
  return new R2dError(
    'R2D_TOO_FEW_VOLUMES',
    `Location ${location} is to keep ${wanted} replicas, each on a volume of its own, and would have ${volumes} volumes for them`,
    { hint: 'Add a volume first (r2d volume add), or ask for fewer replicas' }
  )
}
