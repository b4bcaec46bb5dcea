/**
 * The extents of one body on their way to the volumes: some at once, within the bytes that one of the writes in progress may hold.
 */

import type { NewExtent } from '../metadata/mutations.ts'
import type { PlacementPolicy } from '../storage/extent-writer.ts'
import type { StoreContext } from './context.ts'
import { recycle, type CutExtent } from './extent-cutter.ts'
import type { WrittenExtent } from './manifest.ts'

/** Extents of one body that are on their way to the volumes while another fills: the disk is not to wait for the next. */
const extentsInFlightMax = 3

/** Durable on every replica. */
export interface StoredExtent {
  extent: WrittenExtent
  replicas: NewExtent['replicas']
}

/** Bytes that one of the writes in progress may hold. */
export function writeShare({ writeBufferSize, writers }: StoreContext): number {
  return writeBufferSize / Math.max(1, writers.count)
}

export class ExtentWrites {
  readonly written: StoredExtent[] = []
  readonly #context: StoreContext
  readonly #policy: PlacementPolicy
  readonly #inFlight = new Set<Promise<void>>()
  /** Bytes of the extents in flight. */
  #size = 0

  constructor(context: StoreContext, policy: PlacementPolicy) {
    this.#context = context
    this.#policy = policy
  }

  /** Rejects with what one before it failed with. */
  async start(cut: CutExtent): Promise<void> {
    const { size } = cut.extent
    while (this.#inFlight.size > 0 && !this.#hasRoom(size)) await Promise.race(this.#inFlight)

    this.#size += size
    const writing = this.#write(cut)
    this.#inFlight.add(writing)
    writing.then(
      () => {
        this.#size -= size
        this.#inFlight.delete(writing)
      },
      () => undefined // Stays, for the next race or the end to throw.
    )
  }

  async startAll(cuts: readonly CutExtent[]): Promise<void> {
    for (const cut of cuts) await this.start(cut)
  }

  async finish(): Promise<void> {
    await Promise.all(this.#inFlight)
  }

  /** Nothing is being written any more. */
  async settle(): Promise<void> {
    await Promise.allSettled(this.#inFlight)
  }

  /** For an extent of this size beside those in flight and the one that fills meanwhile. */
  #hasRoom(size: number): boolean {
    if (this.#inFlight.size >= extentsInFlightMax) return false
    return this.#size + 2 * size <= writeShare(this.#context)
  }

  async #write({ extent, key }: CutExtent): Promise<void> {
    const place = this.written.length
    const entry = { extent: { id: extent.id, size: extent.size, key }, replicas: [] }
    this.written.push(entry)
    const replicas = await this.#context.writer.write(extent, this.#policy)
    this.written[place] = { ...entry, replicas }
    recycle(extent)
  }
}
