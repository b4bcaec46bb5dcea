// A disk whose operations fail, stall, stop half way and lie as a plan says, and that knows how many files are open on it.

import { setTimeout as delay } from 'node:timers/promises'
import fc from 'fast-check'
import type { DataFile } from '../../src/file.ts'
import { injected, WrappedFiles } from './wrapped-files.ts'

export type Operation = 'create' | 'write' | 'sync' | 'open' | 'read'
export type Effect = 'EIO' | 'ENOSPC' | 'short' | 'flip' | 'slow'

/** What happens to some operations of one kind on one volume, counted from when the plan was made. */
export interface PlannedFault {
  volume: 1 | 2 | 3
  operation: Operation
  effect: Effect
  /** The first one that it happens to. */
  first: number
  count: number
}

const possible: Record<Operation, readonly Effect[]> = {
  create: ['EIO', 'ENOSPC', 'slow'],
  write: ['EIO', 'ENOSPC', 'short', 'slow'],
  sync: ['EIO', 'ENOSPC', 'slow'],
  open: ['EIO', 'slow'],
  read: ['EIO', 'flip', 'slow']
}

const effects = (Object.keys(possible) as Operation[]).flatMap(operation =>
  possible[operation].map(effect => ({ operation, effect }))
)

export const plannedFault: fc.Arbitrary<PlannedFault> = fc
  .record({
    volume: fc.constantFrom(1 as const, 2 as const, 3 as const),
    what: fc.constantFrom(...effects),
    first: fc.nat(4),
    count: fc.integer({ min: 1, max: 20 })
  })
  .map(({ what, ...rest }) => ({ ...what, ...rest }))

const slowMs = 3

export class RandomFaults extends WrappedFiles {
  openCount = 0
  /** Faults that have happened. */
  happened = 0
  #plan: readonly PlannedFault[] = []
  #counts = new Map<string, number>()

  /** From here on; counts begin anew. */
  plan(faults: readonly PlannedFault[]): void {
    this.#plan = faults
    this.#counts = new Map()
  }

  protected override async before(operation: 'create' | 'open', path: string): Promise<void> {
    await this.#meet(operation, path)
  }

  protected override wrap(path: string, file: DataFile): DataFile {
    this.openCount++
    return {
      read: async (into, position) => {
        const effect = await this.#meet('read', path)
        const count = await file.read(into, position)
        if (effect === 'flip' && count > 0) {
          const place = (position + count * 7) % count
          into[place] = (into[place] ?? 0) ^ 0x10
        }
        return count
      },
      write: async (buffers, position) => {
        if ((await this.#meet('write', path)) === 'short') {
          const whole = Buffer.concat(buffers)
          await file.write([whole.subarray(0, Math.ceil(whole.length / 2))], position)
          throw injected('EIO')
        }
        await file.write(buffers, position)
      },
      sync: async () => {
        await this.#meet('sync', path)
        await file.sync()
      },
      size: () => file.size(),
      close: async () => {
        this.openCount--
        await file.close()
      }
    }
  }

  async #meet(operation: Operation, path: string): Promise<Effect | undefined> {
    const volume = Number(/volume-(\d)/.exec(path)?.[1])
    const name = `${operation} ${volume}`
    const count = this.#counts.get(name) ?? 0
    this.#counts.set(name, count + 1)
    const met = this.#plan.find(
      each =>
        each.volume === volume &&
        each.operation === operation &&
        count >= each.first &&
        count < each.first + each.count
    )
    if (met === undefined) return undefined

    this.happened++
    if (met.effect === 'slow') await delay(slowMs)
    if (met.effect === 'EIO' || met.effect === 'ENOSPC') throw injected(met.effect)
    return met.effect
  }
}
