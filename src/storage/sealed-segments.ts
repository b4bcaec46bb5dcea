/**
 * Which segments are sealed: nobody appends to them any more, and nobody is about to refer to what stands in them.
 *
 * Only what is known for certain is sealed: the segments that were there before any writer of this process began, those
 * that their writer said it has left, and those of a thread that has ended. A file that is none of these may have been made
 * by a writer whose word of it is on its way. And a write may have appended its records and not have committed yet: a segment
 * counts only once all writes have ended that had begun when it was left.
 */

import type { VolumeSet } from './volume-set.ts'
import { listSegments } from './segment-files.ts'

export interface SegmentPlace {
  volume: number
  segment: number
}

/** What a writer tells of its segments. */
export interface SegmentEvents {
  begun: (place: SegmentPlace) => void
  left: (place: SegmentPlace) => void
}

/** The epochs of writes. */
interface WriteEpochs {
  advance(): number
  isPast(epoch: number): boolean
}

export class SealedSegments {
  readonly #writes: WriteEpochs
  /** By name: the epoch at which it was left; zero for one that no writer of this process began. */
  readonly #sealed = new Map<string, SegmentPlace & { epoch: number }>()
  /** By owner, then name. */
  readonly #open = new Map<number, Map<string, SegmentPlace>>()

  constructor(writes: WriteEpochs) {
    this.#writes = writes
  }

  /** Before any writer begins: what is there now. A volume that cannot be read has none that are known. */
  async addExisting(volumes: VolumeSet): Promise<void> {
    for (const volume of volumes.all()) {
      if (volume.state === 'failed') continue
      let segments: number[] = []
      try {
        segments = await listSegments(volumes.files, volume.path)
      } catch (error) {
        volumes.markFailed(volume, error)
      }
      for (const segment of segments) {
        const place = { volume: volume.number, segment }
        this.#sealed.set(nameOf(place), { ...place, epoch: 0 })
      }
    }
  }

  /** What the writers of one owner, a thread, tell. */
  eventsOf(owner: number): SegmentEvents {
    return {
      begun: place => {
        const open = this.#open.get(owner) ?? new Map<string, SegmentPlace>()
        this.#open.set(owner, open.set(nameOf(place), place))
      },
      left: place => {
        this.#open.get(owner)?.delete(nameOf(place))
        this.#seal(place)
      }
    }
  }

  /** The thread is gone: so are its writers. */
  ownerEnded(owner: number): void {
    const open = this.#open.get(owner)
    this.#open.delete(owner)
    for (const place of open?.values() ?? []) this.#seal(place)
  }

  /** Those that nobody is about to refer to. */
  settled(): SegmentPlace[] {
    return [...this.#sealed.values()].filter(
      ({ epoch }) => epoch === 0 || this.#writes.isPast(epoch)
    )
  }

  /** Those that a writer has open, as far as it is known. */
  open(): SegmentPlace[] {
    return [...this.#open.values()].flatMap(each => [...each.values()])
  }

  /** The file is gone. */
  forget(place: SegmentPlace): void {
    this.#sealed.delete(nameOf(place))
  }

  #seal(place: SegmentPlace): void {
    const { volume, segment } = place
    this.#sealed.set(nameOf(place), { volume, segment, epoch: this.#writes.advance() })
  }
}

function nameOf({ volume, segment }: SegmentPlace): string {
  return `${volume}/${segment}`
}
