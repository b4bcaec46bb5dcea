/**
 * Writes an extent to as many volumes as its policy asks for.
 *
 * The replicas are appended in parallel. Where one fails, its volume is left and another takes its place; what the
 * failed one may hold is dead bytes. Where there are not enough volumes for all replicas, the policy's least count is success, too:
 * the commit that refers to the extent then queues it for repair.
 *
 * Placement is made for a stripe of bytes, not for each extent: small extents that arrive together go to the same
 * volumes, so that a group of them syncs as many files as there are replicas, not every volume that there is.
 */

import { R2dError } from '../errors.ts'
import type { SealedExtent } from './extent.ts'
import { place } from './placement.ts'
import type { Replica } from './replica.ts'
import type { SegmentEvents, SegmentPlace } from './sealed-segments.ts'
import { encodeRecord, SegmentWriter, type EncodedRecord } from './segment-writer.ts'
import type { Volume, VolumeSet } from './volume-set.ts'

/** Bytes for which a placement is used: many small extents, or one large one. */
const stripeSize = 4 * 1024 * 1024

export interface PlacementPolicy {
  location: string
  /** Replicas that an extent is to have. */
  replicaCount: number
  /** 1 to `replicaCount`: fewer are no success. */
  replicaCountMin: number
  /** What the rows of its extents say: zero, where the count is the location's and follows it. */
  replicaTarget: number
}

export interface CopyPlan {
  location: string
  count: number
  /** Those that are not to get one; others are preferred to those of their failure domains. */
  taken: readonly Volume[]
}

interface Stripe {
  volumes: readonly Volume[]
  /** Bytes that are still to go there. */
  left: number
}

export interface ExtentWriterOptions {
  volumes: VolumeSet
  random?: () => number
  /** Told of the segments that are written to. */
  segments?: SegmentEvents | undefined
}

export class ExtentWriter {
  readonly #volumes: VolumeSet
  readonly #random: () => number
  readonly #segments: SegmentEvents | undefined
  readonly #writers = new Map<number, SegmentWriter>()
  /** By location and count of replicas. */
  readonly #stripes = new Map<string, Stripe>()

  constructor({ volumes, random = Math.random, segments }: ExtentWriterOptions) {
    this.#volumes = volumes
    this.#random = random
    volumes.onUpdate(() => this.#leaveVolumes())
    this.#segments = segments
  }

  /** Durable on every replica on return: `replicaCountMin` at least. R2D_STORE_FULL, R2D_UNAVAILABLE. */
  async write(extent: SealedExtent, policy: PlacementPolicy): Promise<Replica[]> {
    const { location, replicaCount, replicaCountMin } = policy
    const record = encodeRecord(extent)
    const volumes = await this.#volumes.inLocation(location)
    const done: { volume: Volume; replica: Replica }[] = []
    let chosen = this.#takeStripe(volumes, policy, record.size)
    for (;;) {
      if (done.length + chosen.length < replicaCountMin) throw shortOf(volumes, policy)

      const attempts = chosen.map(volume => this.#append(volume, record))
      for (const replica of await Promise.all(attempts)) {
        // A volume that failed is no longer active, so that each round has fewer to choose from.
        if (replica !== undefined) done.push(replica)
      }
      if (done.length === replicaCount) break

      const taken = done.map(({ volume }) => volume)
      chosen = place(volumes, replicaCount - done.length, taken, this.#random)
      if (chosen.length === 0 && done.length >= replicaCountMin) break
    }

    return done.map(({ replica }) => replica)
  }

  /**
   * Puts a record that volumes have already on `count` others of its location: durable on return, and fewer than asked for where
   * there are no more volumes that can take it.
   */
  async copy(record: EncodedRecord, { location, count, taken }: CopyPlan): Promise<Replica[]> {
    const volumes = await this.#volumes.inLocation(location)
    const done: { volume: Volume; replica: Replica }[] = []
    const tried = [...taken]
    while (done.length < count) {
      const chosen = place(volumes, count - done.length, tried, this.#random)
      if (chosen.length === 0) break
      tried.push(...chosen)
      for (const copied of await Promise.all(chosen.map(volume => this.#append(volume, record)))) {
        if (copied !== undefined) done.push(copied)
      }
    }

    return done.map(({ replica }) => replica)
  }

  /** Puts a record on this volume: durable on return. Undefined if the volume does not take it. */
  async append(record: EncodedRecord, volume: Volume): Promise<Replica | undefined> {
    return (await this.#append(volume, record))?.replica
  }

  /** Has nothing more appended to a segment, if nothing was for so many milliseconds. */
  async leaveIdle({ volume, segment }: SegmentPlace, idleMs: number): Promise<void> {
    await this.#writers.get(volume)?.leaveIdle(segment, idleMs)
  }

  async close(): Promise<void> {
    await Promise.all([...this.#writers.values()].map(writer => writer.close()))
    this.#writers.clear()
  }

  /** Ends the segments on volumes that take no more; what was begun there is settled on return. */
  async #leaveVolumes(): Promise<void> {
    const left = [...this.#writers].filter(([number]) => !isOpenTo(this.#volumes.byNumber(number)))
    for (const [number] of left) this.#writers.delete(number)
    await Promise.all(left.map(([, writer]) => writer.close()))
  }

  /** Where the next `size` bytes go: by a new placement if the last one is used up, or one of its volumes is out. */
  #takeStripe(
    volumes: readonly Volume[],
    { location, replicaCount }: PlacementPolicy,
    size: number
  ): readonly Volume[] {
    const name = `${replicaCount} ${location}`
    const last = this.#stripes.get(name)
    if (
      last !== undefined &&
      last.left >= size &&
      last.volumes.every(({ state }) => state === 'active')
    ) {
      last.left -= size
      return last.volumes
    }

    const chosen = place(volumes, replicaCount, [], this.#random)
    // Fewer than enough are no placement: the next one may find more.
    if (chosen.length === replicaCount) {
      this.#stripes.set(name, { volumes: chosen, left: stripeSize - size })
    }
    return chosen
  }

  async #append(
    volume: Volume,
    record: EncodedRecord
  ): Promise<{ volume: Volume; replica: Replica } | undefined> {
    // It may have been taken out since it was chosen.
    if (!isOpenTo(volume)) return undefined
    try {
      const { segment, offset } = await this.#writer(volume).append(record)
      return { volume, replica: { volume: volume.number, segment, offset } }
    } catch (error) {
      // Not the disk's: the writer is being closed.
      if (error instanceof R2dError) throw error
      this.#volumes.markFailed(volume, error)
      return undefined
    }
  }

  #writer(volume: Volume): SegmentWriter {
    const found = this.#writers.get(volume.number)
    if (found !== undefined) return found

    const { files, storeId, now } = this.#volumes
    const { path, id: volumeId, number: volumeNumber } = volume
    const { begun, left } = this.#segments ?? {}
    const writer = new SegmentWriter({
      path,
      storeId,
      volumeId,
      volumeNumber,
      files,
      now,
      onBegin: segment => begun?.({ volume: volumeNumber, segment }),
      onLeave: segment => left?.({ volume: volumeNumber, segment })
    })
    this.#writers.set(volume.number, writer)
    return writer
  }
}

/** Whether its segments may be appended to: one that is full for now is not left. */
function isOpenTo(volume: Volume | undefined): boolean {
  return volume?.state === 'active' || volume?.state === 'full'
}

function shortOf(
  volumes: readonly Volume[],
  { location, replicaCount, replicaCountMin }: PlacementPolicy
): R2dError {
  const usable = volumes.filter(volume => volume.state === 'active').length
  const full = volumes.filter(volume => volume.state === 'full').length
  const message =
    `A write to location ${location} needs ${replicaCountMin} of ${replicaCount} replicas, and ${usable} of its ` +
    `${volumes.length} volumes can be written to (${full} full)`

  return usable + full >= replicaCountMin
    ? new R2dError('R2D_STORE_FULL', message, { hint: 'Free space or add a volume' })
    : new R2dError('R2D_UNAVAILABLE', message, { hint: 'See r2d daemon status for the reason' })
}
