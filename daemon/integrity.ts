/**
 * What keeps replicas whole, in the main thread: repair, scrub, and what wakes them.
 */

import type { Logger } from 'pino'
import type { ScrubStatus } from '../src/control/protocol.ts'
import { Repairs, type RepairsOptions } from '../src/maintenance/repairs.ts'
import { Scrub, type ScrubFigures, type ScrubOptions } from '../src/maintenance/scrub.ts'
import type { BackgroundWorker } from './background-worker.ts'
import type { BackgroundWorkers } from './background-workers.ts'
import { toReport } from './parts.ts'
import type { FaultReport } from './thread-messages.ts'

/** A round that finds nothing is a few seeks, milliseconds. */
const repairIntervalMs = 5_000
/** How often it is looked whether a round of scrub is due, milliseconds. */
const scrubIntervalMs = 60_000

export type IntegrityOptions = Omit<RepairsOptions, 'now' | 'onLost'> & {
  log: Logger
  workers: BackgroundWorkers
  scrub: Pick<ScrubOptions, 'bytesPerSecond' | 'periodMs'>
  onFault: (fault: FaultReport) => void
}

export class Integrity {
  readonly repairs: Repairs
  readonly #log: Logger
  readonly #repairWorker: BackgroundWorker
  readonly #scrubWorker: BackgroundWorker
  readonly #scrub: Promise<Scrub>

  constructor({ log, workers, scrub, onFault, ...options }: IntegrityOptions) {
    this.#log = log
    this.repairs = new Repairs({
      ...options,
      now: Date.now,
      onLost: (extentId, reasons) => {
        log.error(
          { extentId: extentId.toString('hex'), reasons },
          'no replica of an extent is right: it stays as it is, and is tried again'
        )
      }
    })
    const round = (signal: AbortSignal): Promise<void> => this.#repair(signal)
    this.#repairWorker = workers.start({ name: 'repair', intervalMs: repairIntervalMs, round })
    this.#scrub = Scrub.open({
      ...options,
      ...scrub,
      now: Date.now,
      onFault: fault => {
        onFault(toReport(fault))
      },
      onNoted: () => {
        this.repairs.expect()
        this.wake()
      }
    })
    // Its failure is met by the round, and by whoever asks.
    this.#scrub.catch(() => undefined)
    this.#scrubWorker = workers.start({
      name: 'scrub',
      intervalMs: scrubIntervalMs,
      round: async signal => (await this.#scrub).round(signal)
    })
    this.repairs.queue.onAdd = () => {
      this.wake()
    }
  }

  /** Replicas may be missing, or there may be room for those that are. */
  wake(): void {
    this.#repairWorker.wake()
  }

  /** What a thread met: a replica that could not be read is looked at. */
  report({ kind, extentId }: FaultReport): void {
    if (kind === 'read' && extentId !== undefined)
      this.repairs.queue.add(Buffer.from(extentId, 'hex'))
  }

  async scrubStatus(): Promise<ScrubStatus> {
    return toStatus((await this.#scrub).figures)
  }

  async orderScrub(order: 'start' | 'pause' | 'resume'): Promise<ScrubStatus> {
    const scrub = await this.#scrub
    await scrub[order]()
    this.#scrubWorker.wake()
    return toStatus(scrub.figures)
  }

  async #repair(signal: AbortSignal): Promise<void> {
    const before = this.repairs.figures
    await this.repairs.round(signal)
    const { repairedExtents, repairedBytes, ...left } = this.repairs.figures
    const extents = repairedExtents - before.repairedExtents
    if (extents === 0) return
    const bytes = repairedBytes - before.repairedBytes
    this.#log.info({ extents, bytes, left: left.extents }, 'extents were made whole')
  }
}

function toStatus({ started, finished, ...figures }: ScrubFigures): ScrubStatus {
  const time = (ms: number): string => new Date(ms).toISOString()
  return {
    ...figures,
    ...(started === 0 ? {} : { started: time(started) }),
    ...(finished === 0 ? {} : { finished: time(finished) })
  }
}
