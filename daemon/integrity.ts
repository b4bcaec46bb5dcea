/**
 * What keeps replicas whole, in the main thread: repair, and what wakes it.
 */

import { Repairs, type RepairsOptions } from '../src/maintenance/repairs.ts'
import type { Logger } from 'pino'
import { ExtentWriter } from '../src/storage/extent-writer.ts'
import type { BackgroundWorker } from './background-worker.ts'
import type { Maintenance } from './maintenance.ts'
import type { FaultReport } from './thread-messages.ts'

/** A round that finds nothing is a few seeks, milliseconds. */
const repairIntervalMs = 5_000

export type IntegrityOptions = Omit<RepairsOptions, 'writer' | 'now' | 'onLost'> & {
  log: Logger
  maintenance: Maintenance
}

export class Integrity {
  readonly repairs: Repairs
  readonly #log: Logger
  readonly #writer: ExtentWriter
  readonly #repairWorker: BackgroundWorker

  constructor({ log, maintenance, ...options }: IntegrityOptions) {
    this.#log = log
    this.#writer = new ExtentWriter({ volumes: options.volumes })
    this.repairs = new Repairs({
      ...options,
      writer: this.#writer,
      now: Date.now,
      onLost: (extentId, reasons) => {
        log.error(
          { extentId: extentId.toString('hex'), reasons },
          'no replica of an extent is right: it stays as it is, and is tried again'
        )
      }
    })
    const round = (signal: AbortSignal): Promise<void> => this.#repair(signal)
    this.#repairWorker = maintenance.start({ name: 'repair', intervalMs: repairIntervalMs, round })
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

  /** Once the workers have stopped. */
  close(): Promise<void> {
    return this.#writer.close()
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
