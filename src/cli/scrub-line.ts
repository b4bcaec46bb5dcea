/**
 * The state of scrub as a person reads it.
 */

import type { ScrubStatus } from '../control/protocol.ts'
import { formatSize } from './quantity.ts'

export function scrubLine({ state, started, finished, ...round }: ScrubStatus): string {
  if (started === undefined) return 'no round yet'

  const when = finished === undefined ? state : `done at ${finished}`
  return (
    `${when}; ${round.segmentsDone} of ${round.segmentCount} segments, ${formatSize(round.bytes)} verified, ` +
    `${formatSize(round.rate)}/s; ${round.damages} places not right, ${round.noted} extents queued for repair`
  )
}
