/**
 * The space of the volumes, as the main thread keeps it: what is under way, which segments are sealed, what is dead, and the
 * background work that gives it back.
 *
 *     census, release     one worker: what the rows name is counted first, so that releases add to something that is known
 *     compaction          another, because it may take long
 */

import assert from 'node:assert/strict'
import type { Logger } from 'pino'
import type { CompactionStatus } from '../src/control/protocol.ts'
import { takeCensus } from '../src/maintenance/census.ts'
import { Compactor } from '../src/maintenance/compactor.ts'
import { Pace } from '../src/maintenance/pace.ts'
import { Releaser } from '../src/maintenance/release.ts'
import { SpaceLedger, type VolumeSpace } from '../src/maintenance/space-ledger.ts'
import type { Committer } from '../src/metadata/committer.ts'
import type { Engine } from '../src/metadata/engine.ts'
import { OperationEpochs, OperationRegister } from '../src/metadata/operation-register.ts'
import type { ExtentWriter } from '../src/storage/extent-writer.ts'
import { SealedSegments, type SegmentPlace } from '../src/storage/sealed-segments.ts'
import type { VolumeFault, VolumeSet } from '../src/storage/volume-set.ts'
import type { BackgroundWork } from './background-worker.ts'

export interface SpaceSettings {
  /** Dead part of a segment from which it is compacted: above 0, at most 1. */
  deadShare: number
  /** How long nothing is appended to a segment before it may be compacted, milliseconds. */
  idleMs: number
  /** Bytes that compaction reads and writes in a second. */
  bytesPerSecond: number
}

export interface SpaceParts {
  settings: SpaceSettings
  metadata: Engine
  committer: Committer
  volumes: VolumeSet
  /** Of this thread's own work. */
  writer: ExtentWriter
  log: Logger
  retire: (place: SegmentPlace) => void
  /** Of the threads that serve. */
  leaveIdle: (place: SegmentPlace, idleMs: number) => void
  onFault: (fault: VolumeFault) => void
}

/** A round that finds nothing is one seek, milliseconds. */
const releaseIntervalMs = 2_000
const compactionIntervalMs = 5_000
/** What the account has missed is found so often, milliseconds. */
const censusIntervalMs = 24 * 60 * 60_000

/** Those who write in the main thread, among the threads that tell of segments. */
export const mainOwner = 0

export class Space {
  readonly reads: OperationEpochs
  readonly writes: OperationEpochs
  readonly sealed: SealedSegments
  readonly ledger = new SpaceLedger()
  /** The writes of this thread's background work. */
  readonly register: OperationRegister
  #compactor: Compactor | undefined
  readonly #counted = Promise.withResolvers<undefined>()
  #nextCensus = -Infinity

  constructor(gatewayCount: number) {
    this.reads = new OperationEpochs(gatewayCount)
    this.writes = new OperationEpochs(gatewayCount + 1)
    this.register = new OperationRegister(this.writes.memory, gatewayCount)
    this.sealed = new SealedSegments(this.writes)
  }

  /** To be started when all that it works with serves. */
  work(parts: SpaceParts): BackgroundWork[] {
    const releaser = new Releaser({
      metadata: parts.metadata,
      committer: parts.committer,
      reads: this.reads,
      onFreed: records => {
        this.ledger.addFreed(records)
      },
      onUnheard: () => {
        this.#nextCensus = -Infinity
      },
      now: Date.now
    })
    this.#compactor = this.#makeCompactor(parts)

    return [
      {
        name: 'release',
        intervalMs: releaseIntervalMs,
        round: signal => this.#release(parts, releaser, signal)
      },
      {
        name: 'compaction',
        intervalMs: compactionIntervalMs,
        round: signal => this.#compact(parts, signal)
      }
    ]
  }

  ofVolume(volume: number): VolumeSpace {
    return this.ledger.ofVolume(volume)
  }

  get compaction(): CompactionStatus {
    const compactor = this.#compactor
    assert(compactor !== undefined)
    const { last, total, heldCount } = compactor
    return {
      ...total,
      held: heldCount,
      ...(last === undefined ? {} : { last: { ...last, time: new Date(last.time).toISOString() } })
    }
  }

  #makeCompactor(parts: SpaceParts): Compactor {
    const { settings, leaveIdle } = parts
    return new Compactor({
      metadata: parts.metadata,
      committer: parts.committer,
      volumes: parts.volumes,
      writer: parts.writer,
      writes: this.register,
      pace: new Pace(settings.bytesPerSecond),
      retire: parts.retire,
      onDamage: damaged => {
        parts.onFault({ kind: 'read', ...damaged })
      },
      onFault: parts.onFault,
      onFreed: records => {
        this.ledger.addFreed(records)
      },
      sealed: this.sealed,
      ledger: this.ledger,
      deadShare: settings.deadShare,
      leaveIdle: place => {
        void parts.writer.leaveIdle(place, settings.idleMs)
        leaveIdle(place, settings.idleMs)
      },
      now: Date.now
    })
  }

  async #release(
    { metadata, volumes, log, onFault }: SpaceParts,
    releaser: Releaser,
    signal: AbortSignal
  ): Promise<void> {
    if (performance.now() >= this.#nextCensus) {
      const { sealed, ledger } = this
      if (!(await takeCensus({ metadata, volumes, sealed, ledger, onFault }, signal))) return
      this.#nextCensus = performance.now() + censusIntervalMs
      this.#counted.resolve(undefined)
    }

    const figures = await releaser.round(signal)
    if (figures.discards > 0) log.debug(figures, 'what was deleted was released')
    if (figures.missing > 0) {
      log.error(
        { references: figures.missing },
        'what was deleted referred to rows that are not there: a fault of the metadata, see r2d meta verify --deep'
      )
    }
  }

  async #compact({ log }: SpaceParts, signal: AbortSignal): Promise<void> {
    // Nothing is known before the first census.
    const stopped = Promise.withResolvers<undefined>()
    const stop = (): void => {
      stopped.resolve(undefined)
    }
    signal.addEventListener('abort', stop)
    await Promise.race([this.#counted.promise, stopped.promise])
    signal.removeEventListener('abort', stop)
    if (signal.aborted) return

    const figures = await this.#compactor?.round(signal)
    if (figures !== undefined && figures.segments > 0) log.info(figures, 'space was given back')
  }
}
