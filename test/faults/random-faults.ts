// A disk whose operations fail, stall, stop half way and lie as a plan says, and that knows how many files are open on it.

import { setTimeout as delay } from 'node:timers/promises'
import fc from 'fast-check'
import { nodeFiles, type DataFile, type FileSystem } from '../../src/file.ts'

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

export class RandomFaults implements FileSystem {
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

  async create(path: string): Promise<DataFile> {
    await this.#meet('create', path)
    return this.#wrap(path, await nodeFiles.create(path))
  }

  async createSynced(path: string): Promise<DataFile> {
    await this.#meet('create', path)
    return this.#wrap(path, await nodeFiles.createSynced(path))
  }

  async openRead(path: string): Promise<DataFile> {
    await this.#meet('open', path)
    return this.#wrap(path, await nodeFiles.openRead(path))
  }

  makeDirectory(path: string): Promise<void> {
    return nodeFiles.makeDirectory(path)
  }

  syncDirectory(path: string): Promise<void> {
    return nodeFiles.syncDirectory(path)
  }

  list(path: string): Promise<string[]> {
    return nodeFiles.list(path)
  }

  remove(path: string): Promise<void> {
    return nodeFiles.remove(path)
  }

  readWhole(path: string): Promise<Buffer> {
    return nodeFiles.readWhole(path)
  }

  replaceWhole(path: string, content: Uint8Array): Promise<void> {
    return nodeFiles.replaceWhole(path, content)
  }

  space(path: string): Promise<{ device: number; free: number; total: number }> {
    return nodeFiles.space(path)
  }

  #wrap(path: string, file: DataFile): DataFile {
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
          throw fault('EIO')
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
    if (met.effect === 'EIO' || met.effect === 'ENOSPC') throw fault(met.effect)
    return met.effect
  }
}

function fault(code: string): Error {
  return Object.assign(new Error(`${code}: injected`), { code })
}
