/**
 * What serves requests, as the rest of the daemon sees it.
 */

import type { Committer } from '../src/metadata/committer.ts'
import type { SegmentPlace } from '../src/storage/sealed-segments.ts'
import type { VolumeDescription } from '../src/storage/volume-set.ts'
import type { Counters } from './counters.ts'

/** What serves requests: threads, or this thread where the engine cannot be shared. */
export interface Serving {
  /** For the work of this thread. */
  committer: Committer
  port: number
  socketPaths: string[]
  threadCount: number
  counters: () => Counters
  restartCount: () => number
  /** On return nothing uses other volumes than these. */
  setVolumes: (list: VolumeDescription[]) => Promise<void>
  /** Readers close this segment's file. */
  retire: (place: SegmentPlace) => void
  /** Whoever appends to the segment leaves it, if it has been idle for so long. */
  leaveIdle: (place: SegmentPlace, idleMs: number) => void
  stop: (timeoutMs: number) => Promise<void>
}
