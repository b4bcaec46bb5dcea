/**
 * Gives the space of dead records back: chooses sealed segments by the account of dead bytes, and compacts them.
 *
 * A segment of which nothing is live goes at once, whatever its size; others when the dead part has reached a share of
 * them, which is less on a volume that is full. What is live of it has to fit beside it first: the last bytes of a volume are not for
 * copies. A segment that a writer has open and nobody writes to is left by it, so that it can be chosen.
 */

import type { Engine } from '../metadata/engine.ts'
import type { VolumeFault } from '../storage/volume-set.ts'
import type { SealedSegments, SegmentPlace } from '../storage/sealed-segments.ts'
import { sizeOfSegment } from '../storage/segment-files.ts'
import { segmentHeaderSize } from '../storage/segment-format.ts'
import { faultOf, replicasIn } from './census.ts'
import {
  compactSegment,
  unlinkSegment,
  type Compaction,
  type CompactionWork
} from './compact-segment.ts'
import { nameOf, type SpaceLedger } from './space-ledger.ts'

/** On a full volume every byte counts. */
const fullDeadShare = 0.1

/** How long a segment that could not be removed is left alone, milliseconds: repair has to come first. */
const heldMs = 10 * 60_000

export interface CompactorWork extends Omit<CompactionWork, 'metadata'> {
  metadata: Pick<Engine, 'getMany' | 'scan'>
  sealed: SealedSegments
  ledger: SpaceLedger
  /** Dead part of a segment from which it is compacted: above 0, at most 1. */
  deadShare: number
  /** A segment's file cannot be used: others are gone on with. */
  onFault: (fault: VolumeFault) => void
  /** Whoever appends to the segment leaves it, if it has been idle for long enough. */
  leaveIdle: (place: SegmentPlace) => void
  /** Milliseconds since the epoch. */
  now: () => number
}

export interface CompactionFigures {
  /** Segments whose files are gone. */
  segments: number
  /** Bytes of those files. */
  removed: number
  /** Bytes of records that were moved. */
  moved: number
}

export interface LastCompaction extends SegmentPlace {
  /** Milliseconds since the epoch. */
  time: number
  /** Bytes that came back: of the file, less what was moved. */
  reclaimed: number
  moved: number
}

export class Compactor {
  readonly #work: CompactorWork
  /** By name, until when they are left alone. */
  readonly #held = new Map<string, number>()
  /** Since the start. */
  readonly total: CompactionFigures = { segments: 0, removed: 0, moved: 0 }
  #last: LastCompaction | undefined

  constructor(work: CompactorWork) {
    this.#work = work
  }

  get last(): LastCompaction | undefined {
    return this.#last
  }

  /** Segments that cannot be removed before something in them is repaired. */
  get heldCount(): number {
    return this.#held.size
  }

  /** Compacts what is worth it now. */
  async round(signal: AbortSignal): Promise<CompactionFigures> {
    const figures = { segments: 0, removed: 0, moved: 0 }
    const unclear: SegmentPlace[] = []
    for (const place of await this.#chosen()) {
      if (signal.aborted) return figures
      if (!(await this.#hasRoom(place))) continue
      const { outcome, moved } = await this.#compact(place, signal)
      figures.moved += moved
      this.total.moved += moved
      if (outcome === 'removed') this.#removed(place, moved, figures)
      else if (outcome === 'unclear') unclear.push(place)
      else if (outcome === 'held') this.#hold(place)
    }
    if (unclear.length > 0) await this.#settle(unclear, figures, signal)
    await this.#leaveIdle()
    return figures
  }

  async #compact(place: SegmentPlace, signal: AbortSignal): Promise<Compaction> {
    try {
      return await compactSegment(this.#work, place, signal)
    } catch (error) {
      this.#work.onFault(faultOf(place, error))
      return { outcome: 'held', moved: 0 }
    }
  }

  /** Most of it dead first. */
  async #chosen(): Promise<SegmentPlace[]> {
    const { sealed, ledger, volumes, deadShare, now } = this.#work
    const chosen: { place: SegmentPlace; share: number }[] = []
    for (const place of sealed.settled()) {
      const volume = volumes.byNumber(place.volume)
      // Records that are to leave a volume are not moved on it.
      const isIn = volume?.recorded === 'active' && volume.state !== 'failed'
      if (!isIn || (this.#held.get(nameOf(place)) ?? 0) > now()) continue
      this.#held.delete(nameOf(place))
      if (!(await this.#measure(place, volume.path))) continue

      const share = ledger.deadShare(place)
      const bound = volume.state === 'full' ? Math.min(fullDeadShare, deadShare) : deadShare
      if (share >= bound) chosen.push({ place, share })
    }
    return chosen.sort((a, b) => b.share - a.share).map(({ place }) => place)
  }

  /** For what is live of it: the copies are there before the file goes, and one that is not moved whole gives nothing back. */
  async #hasRoom(place: SegmentPlace): Promise<boolean> {
    const { ledger, volumes } = this.#work
    const records = (ledger.sizeOf(place) ?? 0) - segmentHeaderSize
    const live = records - ledger.deadOf(place)
    const volume = volumes.byNumber(place.volume)
    return live <= 0 || (volume !== undefined && (await volumes.hasRoom(volume, live)))
  }

  /** Whether the file is there; its size is known then. */
  async #measure(place: SegmentPlace, volumePath: string): Promise<boolean> {
    const { sealed, ledger, volumes } = this.#work
    if (ledger.sizeOf(place) !== undefined) return true

    let size: number | undefined
    try {
      size = await sizeOfSegment(volumes.files, volumePath, place.segment)
    } catch (error) {
      this.#work.onFault(faultOf(place, error))
      this.#hold(place)
      return false
    }
    if (size === undefined) {
      sealed.forget(place)
      ledger.forget(place)
      return false
    }
    ledger.setSize(place, size)
    return true
  }

  /** Segments with bytes that are no records: removed if no row names a place in them. */
  async #settle(
    places: readonly SegmentPlace[],
    figures: CompactionFigures,
    signal: AbortSignal
  ): Promise<void> {
    const { metadata, volumes, onDamage } = this.#work
    const named = await replicasIn(metadata, places, signal)
    if (named === undefined) return

    for (const { extentId, replica } of named) {
      onDamage({ ...replica, extentId, reason: 'there is no record at its place' })
    }
    const live = new Set(named.map(({ replica }) => nameOf(replica)))
    for (const place of places) {
      const volume = volumes.byNumber(place.volume)
      if (live.has(nameOf(place)) || volume === undefined) {
        this.#hold(place)
        continue
      }
      try {
        await unlinkSegment(this.#work, volume, place)
        this.#removed(place, 0, figures)
      } catch (error) {
        this.#work.onFault(faultOf(place, error))
        this.#hold(place)
      }
    }
  }

  async #leaveIdle(): Promise<void> {
    const { sealed, ledger, volumes, deadShare, leaveIdle } = this.#work
    for (const place of sealed.open()) {
      const volume = volumes.byNumber(place.volume)
      if (volume === undefined || volume.state === 'failed') continue
      // A writer has it open: if the disk fails, that is met there.
      const size = await sizeOfSegment(volumes.files, volume.path, place.segment).catch(
        () => undefined
      )
      if (size === undefined) continue
      ledger.setSize(place, size)
      if (ledger.deadOf(place) > 0 && ledger.deadShare(place) >= deadShare) leaveIdle(place)
    }
  }

  #hold(place: SegmentPlace): void {
    this.#held.set(nameOf(place), this.#work.now() + heldMs)
  }

  #removed(place: SegmentPlace, moved: number, figures: CompactionFigures): void {
    const { ledger, sealed, now } = this.#work
    const size = ledger.sizeOf(place) ?? 0
    ledger.forget(place)
    sealed.forget(place)
    for (const each of [figures, this.total]) {
      each.segments++
      each.removed += size
    }
    this.#last = { ...place, time: now(), reclaimed: Math.max(0, size - moved), moved }
  }
}
