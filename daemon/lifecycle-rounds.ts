/**
 * The background work that carries out lifecycle rules: a round each interval, and one at once when the configuration of any
 * bucket changes.
 */

import type { Logger } from 'pino'
import type { Committer } from '../src/metadata/committer.ts'
import type { ConfigurationEpoch } from '../src/metadata/configuration-epoch.ts'
import type { MetadataReader } from '../src/objects/context.ts'
import { runLifecycleRound } from '../src/objects/lifecycle-work.ts'
import { reasonOf, type BackgroundWork } from './background-worker.ts'

export interface LifecycleOptions {
  metadata: MetadataReader
  committer: Committer
  epoch: ConfigurationEpoch
  intervalMs: number
  log: Logger
}

export function lifecycleRounds(options: LifecycleOptions): BackgroundWork {
  const { epoch, intervalMs } = options

  return {
    name: 'lifecycle',
    intervalMs,
    round: signal => applyRules(options, signal),
    changed: () => epoch.changed(epoch.current)
  }
}

async function applyRules(
  { metadata, committer, log }: LifecycleOptions,
  signal: AbortSignal
): Promise<void> {
  const figures = await runLifecycleRound({
    metadata,
    committer,
    now: Date.now,
    signal,
    onError: (bucket, error) => {
      log.error({ bucket, error: reasonOf(error) }, "a bucket's lifecycle rules were not applied")
    }
  })
  const { expired, transitioned, indexed, aborted } = figures
  if (expired + transitioned + indexed + aborted > 0)
    log.info(figures, 'lifecycle rules were applied')
}
