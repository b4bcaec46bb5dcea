/**
 * The background work of the daemon, in the main thread: what there is of it, what it works with, and what wakes it.
 *
 *     lifecycle rules, trash, space, snapshots of the metadata, repair and scrub
 *
 * It reads the engine, and commits through a channel to the committer, as the gateways do.
 */

import type { Logger } from 'pino'
import type { Keyring } from '../src/crypto/keyring.ts'
import type { ConfigurationEpoch } from '../src/metadata/configuration-epoch.ts'
import type { Engine } from '../src/metadata/engine.ts'
import { ExtentWriter } from '../src/storage/extent-writer.ts'
import type { VolumeSet } from '../src/storage/volume-set.ts'
import type { BackgroundWorker } from './background-worker.ts'
import { BackgroundWorkers } from './background-workers.ts'
import type { DaemonSettings } from './daemon-settings.ts'
import { Integrity } from './integrity.ts'
import { lifecycleRounds } from './lifecycle-rounds.ts'
import { toReport } from './parts.ts'
import type { Serving } from './serving.ts'
import { Snapshots } from './snapshots.ts'
import { mainOwner, type Space } from './space.ts'
import type { FaultReport } from './thread-messages.ts'
import { trashRounds } from './trash-rounds.ts'

interface MaintenanceParts {
  settings: DaemonSettings
  metadata: Engine
  serving: Serving
  volumes: VolumeSet
  space: Space
  keyring: Keyring
  /** Whose volumes take the snapshots. */
  location: string
  epoch: ConfigurationEpoch
  log: Logger
  onFault: (fault: FaultReport) => void
  /** A bug: the process is to stop. */
  onFatal: (error: Error) => void
}

export class Maintenance {
  readonly snapshots: Snapshots
  readonly integrity: Integrity
  readonly #workers: BackgroundWorkers
  readonly #snapshotWorker: BackgroundWorker
  /** Of what is copied and moved. */
  readonly #writer: ExtentWriter

  constructor(parts: MaintenanceParts) {
    const { settings, metadata, volumes, space, epoch, log, onFatal } = parts
    const { committer } = parts.serving
    const workers = new BackgroundWorkers({ log, onFatal })
    const writer = new ExtentWriter({ volumes, segments: space.sealed.eventsOf(mainOwner) })
    this.#workers = workers
    this.#writer = writer

    const { lifecycleIntervalMs: intervalMs } = settings
    workers.start(lifecycleRounds({ metadata, committer, epoch, intervalMs, log }))
    workers.start(trashRounds({ metadata, committer, epoch, log }))
    this.#giveSpaceBack(parts)
    this.snapshots = new Snapshots({
      metadata,
      volumes,
      keyring: parts.keyring,
      location: parts.location,
      intervalMs: settings.snapshotIntervalMs,
      log
    })
    this.#snapshotWorker = workers.start(this.snapshots.work)
    this.integrity = new Integrity({
      metadata,
      committer,
      volumes,
      writer,
      writes: space.register,
      bytesPerSecond: settings.repairRate,
      failedDelayMs: settings.repairDelayMs,
      scrub: { bytesPerSecond: settings.scrubRate, periodMs: settings.scrubPeriodMs },
      workers,
      log,
      onFault: parts.onFault
    })
  }

  /** A snapshot of the metadata is made now; the number of the request. */
  requestSnapshot(): number {
    const request = this.snapshots.request()
    this.#snapshotWorker.wake()
    return request
  }

  /** What a volume that is left has of the metadata is on one less: it is written anew. */
  takeSnapshotSoon(): void {
    this.snapshots.volumeLeft()
    this.#snapshotWorker.wake()
  }

  /** The list of volumes, or what is wanted of it, is another. */
  volumesChanged(): void {
    this.takeSnapshotSoon()
    this.integrity.wake()
  }

  /** What any thread met. */
  report(fault: FaultReport): void {
    if (fault.kind === 'write') this.takeSnapshotSoon()
    this.integrity.report(fault)
  }

  /** The steps that are under way are done on return, and none follows. */
  async stop(): Promise<void> {
    await this.#workers.stop()
    await this.#writer.close()
  }

  #giveSpaceBack({ settings, metadata, serving, volumes, space, log, onFault }: MaintenanceParts) {
    const { committer, retire, leaveIdle } = serving
    const works = space.work({
      settings: settings.space,
      metadata,
      committer,
      volumes,
      writer: this.#writer,
      log,
      retire,
      leaveIdle,
      onFault: fault => {
        onFault(toReport(fault))
      }
    })
    for (const work of works) this.#workers.start(work)
  }
}
