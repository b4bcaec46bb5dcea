/**
 * The account of dead bytes: how much of each segment no row names.
 *
 * In memory, of the main thread. A census counts what the rows name and compares it with the files; from then on the release
 * of extents adds to it. It is what compaction chooses by, and no more: before a segment's file goes, the rows are asked about
 * each of its records. What the account misses (the bytes of writes that were refused or broken off, replicas that repair gave up) the next census
 * finds.
 */

import type { FreedRecord } from '../metadata/mutations/release.ts'
import type { SegmentPlace } from '../storage/sealed-segments.ts'
import { segmentHeaderSize } from '../storage/segment-format.ts'

export interface VolumeSpace {
  /** Bytes of segment files. */
  used: number
  /** Of these, bytes that no row names. */
  dead: number
  segments: number
}

interface SegmentSpace extends SegmentPlace {
  /** Of the file when it was last looked at. */
  size: number
  dead: number
}

export class SpaceLedger {
  readonly #segments = new Map<string, SegmentSpace>()

  /** Records that were named are not any more. */
  addFreed(records: readonly FreedRecord[]): void {
    for (const { volume, segment, size } of records) this.#at({ volume, segment }).dead += size
  }

  /** The file has `size` bytes. */
  setSize(place: SegmentPlace, size: number): void {
    this.#at(place).size = size
  }

  /** Rows name `live` bytes of it, and its file has `size`. */
  count(place: SegmentPlace, { size, live }: { size: number; live: number }): void {
    const segment = this.#at(place)
    segment.size = size
    segment.dead = Math.max(0, size - segmentHeaderSize - live)
  }

  /** The file is gone. */
  forget(place: SegmentPlace): void {
    this.#segments.delete(nameOf(place))
  }

  /** Undefined for a segment of which nothing is known. */
  sizeOf(place: SegmentPlace): number | undefined {
    const size = this.#segments.get(nameOf(place))?.size
    return size === 0 ? undefined : size
  }

  deadOf(place: SegmentPlace): number {
    return this.#segments.get(nameOf(place))?.dead ?? 0
  }

  /** The part of the segment's records that is dead: 1 if there is nothing else in it. */
  deadShare(place: SegmentPlace): number {
    const records = (this.sizeOf(place) ?? 0) - segmentHeaderSize
    return records <= 0 ? 1 : Math.min(1, this.deadOf(place) / records)
  }

  ofVolume(volume: number): VolumeSpace {
    const space = { used: 0, dead: 0, segments: 0 }
    for (const segment of this.#segments.values()) {
      if (segment.volume !== volume) continue
      space.used += segment.size
      space.dead += segment.dead
      space.segments++
    }
    return space
  }

  #at({ volume, segment }: SegmentPlace): SegmentSpace {
    const name = nameOf({ volume, segment })
    const found = this.#segments.get(name)
    if (found !== undefined) return found

    const made = { volume, segment, size: 0, dead: 0 }
    this.#segments.set(name, made)
    return made
  }
}

export function nameOf({ volume, segment }: SegmentPlace): string {
  return `${volume}/${segment}`
}
