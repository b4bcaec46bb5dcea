/**
 * The background work that takes back references of what was deleted or replaced.
 */

import type { Logger } from 'pino'
import { Releaser, type ReleaseWork } from '../src/maintenance/release.ts'
import type { BackgroundWork } from './background-worker.ts'

/** A round that finds nothing is one seek, milliseconds. */
const intervalMs = 2_000

export function releaseRounds({
  log,
  ...work
}: Pick<ReleaseWork, 'metadata' | 'committer' | 'reads'> & { log: Logger }): BackgroundWork {
  const releaser = new Releaser({
    ...work,
    onFreed: () => undefined,
    onUnheard: () => undefined,
    now: Date.now
  })

  return {
    name: 'release',
    intervalMs,
    round: async signal => {
      const figures = await releaser.round(signal)
      if (figures.discards > 0) log.info(figures, 'space of what was deleted was released')
      if (figures.missing > 0) {
        log.error(
          { references: figures.missing },
          'what was deleted referred to rows that are not there: r2d fsck tells more'
        )
      }
    }
  }
}
