/**
 * The census: counts, over all extent rows, what they name of each segment, and compares it with the files.
 *
 * Segments that nobody writes to any more only lose live bytes while it goes on; what they lose meanwhile is counted by
 * the next one.
 */

import type { Engine } from '../metadata/engine.ts'
import type { Replica } from '../storage/replica.ts'
import type { SealedSegments, SegmentPlace } from '../storage/sealed-segments.ts'
import { errnoOf } from '../file.ts'
import { sizeOfSegment } from '../storage/segment-files.ts'
import { recordSize } from '../storage/segment-format.ts'
import { describe, type VolumeFault, type VolumeSet } from '../storage/volume-set.ts'
import { extentPages } from './extent-pages.ts'
import { nameOf, type SpaceLedger } from './space-ledger.ts'

export interface CensusWork {
  metadata: Pick<Engine, 'scan'>
  volumes: VolumeSet
  sealed: SealedSegments
  ledger: SpaceLedger
  onFault: (fault: VolumeFault) => void
}

/** Whether it was taken to its end. */
export async function takeCensus(
  { metadata, volumes, sealed, ledger, onFault }: CensusWork,
  signal: AbortSignal
): Promise<boolean> {
  const places = sealed.settled()
  const live = new Map<string, number>()
  for await (const rows of extentPages(metadata, signal)) {
    for (const { record } of rows) {
      for (const replica of record.replicas) {
        const name = nameOf(replica)
        live.set(name, (live.get(name) ?? 0) + recordSize(record.size))
      }
    }
  }
  if (signal.aborted) return false

  for (const place of places) {
    const volume = volumes.byNumber(place.volume)
    if (volume === undefined || volume.state === 'failed') continue
    try {
      const size = await sizeOfSegment(volumes.files, volume.path, place.segment)
      if (size === undefined) sealed.forget(place)
      else ledger.count(place, { size, live: live.get(nameOf(place)) ?? 0 })
    } catch (error) {
      onFault(faultOf(place, error))
    }
  }
  return true
}

/** What one file's disk does keeps no other from being looked at. Throws what is no error of a disk. */
export function faultOf({ volume, segment }: SegmentPlace, error: unknown): VolumeFault {
  const errno = errnoOf(error)
  if (errno === undefined || !/^E[A-Z0-9]+$/.test(errno)) throw error
  return { kind: 'read', volume, segment, reason: describe(error), errno }
}

export interface ReplicaNamed {
  /** 16 bytes. */
  extentId: Buffer
  replica: Replica
}

/** Every replica that rows name in these segments; undefined if it was not looked for to the end. */
export async function replicasIn(
  metadata: Pick<Engine, 'scan'>,
  places: readonly SegmentPlace[],
  signal: AbortSignal
): Promise<ReplicaNamed[] | undefined> {
  const names = new Set(places.map(nameOf))
  const found: ReplicaNamed[] = []
  for await (const rows of extentPages(metadata, signal)) {
    for (const { id: extentId, record } of rows) {
      for (const replica of record.replicas) {
        if (names.has(nameOf(replica))) found.push({ extentId, replica })
      }
    }
  }
  return signal.aborted ? undefined : found
}
