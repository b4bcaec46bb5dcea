/**
 * Extents whose rows name a place where their record cannot be: the part of a scrub that reads rows instead of segments.
 */

import { join } from 'node:path'
import type { Engine } from '../metadata/engine.ts'
import type { DamagedPlace } from '../metadata/scrub-record.ts'
import type { Replica } from '../storage/replica.ts'
import { recordSize, segmentName } from '../storage/segment-format.ts'
import { segmentsName } from '../storage/superblock.ts'
import type { VolumeSet } from '../storage/volume-set.ts'
import { extentPages } from './extent-pages.ts'
import { isHome } from './replica-standing.ts'

/** Sizes of segments that are remembered at once. */
const sizeCountMax = 100_000

export interface SuspectOptions {
  metadata: Pick<Engine, 'scan'>
  volumes: VolumeSet
  places: readonly DamagedPlace[]
  /** Whether segments are looked for, too. */
  isLast: boolean
  signal: AbortSignal
}

/** Their ids, some at a time. Replicas on volumes that do not count are repair's business already. */
export async function* extentsAt(
  options: SuspectOptions
): AsyncGenerator<Buffer[], void, undefined> {
  const { metadata, volumes, places, isLast, signal } = options
  const bySegment = Map.groupBy(places, ({ volume, segment }) => `${volume}/${segment}`)
  const sizes = new SegmentSizes(volumes)
  for await (const page of extentPages(metadata, signal)) {
    const found: Buffer[] = []
    for (const { id, record } of page) {
      const size = recordSize(record.size)
      for (const replica of record.replicas) {
        const volume = volumes.byNumber(replica.volume)
        if (volume === undefined || !isHome(volume)) continue
        const damaged = bySegment.get(`${replica.volume}/${replica.segment}`) ?? []
        const isDamaged = damaged.some(
          place =>
            place.offset < replica.offset + size && replica.offset < place.offset + place.size
        )
        if (
          isDamaged ||
          (isLast && (await sizes.of(volume.path, replica)) < replica.offset + size)
        ) {
          found.push(id)
          break
        }
      }
    }
    if (found.length > 0) yield found
  }
}

class SegmentSizes {
  readonly #volumes: VolumeSet
  readonly #sizes = new Map<string, number>()

  constructor(volumes: VolumeSet) {
    this.#volumes = volumes
  }

  /** Zero for one that cannot be opened. A size is as old as the scan: segments only grow, and rows name what is synced. */
  async of(volumePath: string, { segment, offset }: Replica): Promise<number> {
    const path = join(volumePath, segmentsName, segmentName(segment))
    const known = this.#sizes.get(path)
    // One that is still written to has grown by what a newer row names.
    if (known !== undefined && known > offset) return known

    if (this.#sizes.size >= sizeCountMax) this.#sizes.clear()
    const size = await this.#read(path)
    this.#sizes.set(path, size)
    return size
  }

  async #read(path: string): Promise<number> {
    try {
      const file = await this.#volumes.files.openRead(path)
      try {
        return await file.size()
      } finally {
        await file.close()
      }
    } catch {
      return 0
    }
  }
}
