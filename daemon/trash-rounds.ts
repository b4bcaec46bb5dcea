/**
 * The background work that lets go of what buckets have kept for their window: a round a minute, and one at once when the
 * configuration of any bucket changes.
 */

import type { Logger } from 'pino'
import type { Committer } from '../src/metadata/committer.ts'
import type { ConfigurationEpoch } from '../src/metadata/configuration-epoch.ts'
import type { MetadataReader } from '../src/objects/context.ts'
import { runTrashRound } from '../src/objects/expire-trash.ts'
import type { BackgroundWork } from './background-worker.ts'

export interface TrashRoundsOptions {
  metadata: MetadataReader
  committer: Committer
  epoch: ConfigurationEpoch
  log: Logger
}

const intervalMs = 60_000

export function trashRounds(options: TrashRoundsOptions): BackgroundWork {
  const { metadata, committer, epoch, log } = options

  return {
    name: 'trash',
    intervalMs,
    round: async signal => {
      const gone = await runTrashRound({ metadata, committer, now: Date.now, signal })
      if (gone.objects > 0) log.info(gone, 'objects were let go of from the trash')
    },
    changed: () => epoch.changed(epoch.current)
  }
}
