/**
 * What a replica counts for, by the volume that it is on, and how many an extent is to have.
 */

import type { Engine } from '../metadata/engine.ts'
import type { ExtentRecord } from '../metadata/extent-record.ts'
import { locationRange, parseLocationKey } from '../metadata/keys.ts'
import { decodeLocationRecord } from '../metadata/location-record.ts'
import type { Volume, VolumeSet } from '../storage/volume-set.ts'

/** Locations of a store at most. */
const locationCountMax = 1000

/** Whether replicas are to stay on it, and count. On other volumes they are at best read until they are elsewhere. */
export function isHome({ state }: Volume): boolean {
  return state === 'active' || state === 'full'
}

/** Whether what is on it counts for nothing, for good: it is not even read. */
export function isVoid(volume: Volume | undefined): boolean {
  return volume === undefined || volume.state === 'lost'
}

/** A bucket's location never changes, so that all replicas of an extent are in one. */
export function locationOf(volumes: VolumeSet, { replicas }: ExtentRecord): string | undefined {
  for (const { volume } of replicas) {
    const found = volumes.byNumber(volume)
    if (found !== undefined) return found.location
  }
  return undefined
}

/** Replicas that extents of each location are to have. */
export async function readTargets(metadata: Pick<Engine, 'scan'>): Promise<Map<string, number>> {
  await using cursor = metadata.scan(locationRange())
  const entries = await cursor.read(locationCountMax)

  return new Map(
    entries.map(({ key, value }) => [
      parseLocationKey(key),
      decodeLocationRecord(value).replicaCount
    ])
  )
}

/** Its own target comes before its location's; one of a location that is not known is left as it is. */
export function targetOf(
  { replicaTarget, replicas }: ExtentRecord,
  location: string | undefined,
  targets: ReadonlyMap<string, number>
): number {
  if (replicaTarget > 0) return replicaTarget
  return (location === undefined ? undefined : targets.get(location)) ?? replicas.length
}
