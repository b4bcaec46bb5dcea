/**
 * Memory tier: sealed frames that were read before, in at most so many bytes. It holds ciphertext only.
 *
 * Keyed by extent and frame: extents are immutable, so what is here is never stale. Which frames stay is S3-FIFO's
 * to say, whose point is that a scan pushes out only what was not used twice:
 *
 *     small    a tenth of the bytes: where a new frame waits to be asked for again
 *     main     the rest: frames that were; one that was used since it came to the front goes round once more
 *     ghosts   the names of frames that left `small` unused: one that comes back goes to `main` at once
 *
 * All three are queues; a hit counts a use and moves nothing. For one thread: each has a tier of its own.
 *
 * J. Yang, Y. Zhang, Z. Qiu, Y. Yue, R. Vinayak: "FIFO Queues are All You Need for Cache Eviction", SOSP 2023.
 */

import assert from 'node:assert/strict'
import { Fifo } from './fifo.ts'

/** What an entry takes beside its bytes: its name, its place in the index and queue, the Buffer's own objects. */
export const entryOverhead = 256

/** Uses that are counted: more say nothing about the future. */
const usesMax = 3
const smallShare = 0.1

export interface TierCounters {
  hits: number
  misses: number
  /** Frames that are held, and the bytes that they take with their overhead. */
  frames: number
  size: number
}

interface Entry {
  name: string
  /** Undefined for a ghost, and for what was dropped. */
  sealed: Buffer | undefined
  size: number
  uses: number
}

export class MemoryTier {
  readonly #sizeMax: number
  readonly #index = new Map<string, Entry>()
  readonly #small = new Fifo<Entry>()
  readonly #main = new Fifo<Entry>()
  readonly #ghosts = new Fifo<Entry>()
  #smallSize = 0
  #mainSize = 0
  #hits = 0
  #misses = 0

  /** `sizeMax`: bytes, entries' overhead included; 0 holds nothing. */
  constructor(sizeMax: number) {
    assert(sizeMax >= 0)
    this.#sizeMax = sizeMax
  }

  get counters(): TierCounters {
    return {
      hits: this.#hits,
      misses: this.#misses,
      frames: this.#small.length + this.#main.length,
      size: this.#smallSize + this.#mainSize
    }
  }

  /** The sealed frame: not to be written to. */
  get(extentId: Buffer, frame: number): Buffer | undefined {
    const entry = this.#index.get(nameOf(extentId, frame))
    if (entry?.sealed === undefined) {
      this.#misses++
      return undefined
    }

    this.#hits++
    if (entry.uses < usesMax) entry.uses++
    return entry.sealed
  }

  /** Copies `sealed`. What is too large to leave room for others is not taken. */
  put(extentId: Buffer, frame: number, sealed: Uint8Array): void {
    const size = sealed.length + entryOverhead
    if (size > this.#sizeMax * smallShare) return
    const name = nameOf(extentId, frame)
    const known = this.#index.get(name)
    if (known?.sealed !== undefined) return

    while (this.#smallSize + this.#mainSize + size > this.#sizeMax) this.#evict()

    const copy = Buffer.allocUnsafeSlow(sealed.length)
    copy.set(sealed)
    const entry = { name, sealed: copy, size, uses: 0 }
    // The ghost, if there is one, stays in its queue, and is passed over there.
    this.#index.set(name, entry)
    if (known === undefined) this.#addSmall(entry)
    else this.#addMain(entry)
  }

  /** It was found not to be what was sealed: memory can rot, too. */
  drop(extentId: Buffer, frame: number): void {
    const entry = this.#index.get(nameOf(extentId, frame))
    if (entry?.sealed === undefined) return

    // Its place in the queue, and the bytes, are given up when its turn comes.
    entry.sealed = undefined
    this.#index.delete(entry.name)
  }

  #addSmall(entry: Entry): void {
    this.#small.push(entry)
    this.#smallSize += entry.size
  }

  #addMain(entry: Entry): void {
    this.#main.push(entry)
    this.#mainSize += entry.size
  }

  #evict(): void {
    const isSmallFull = this.#smallSize >= this.#sizeMax * smallShare
    if (this.#main.length === 0 || isSmallFull) this.#evictSmall()
    else this.#evictMain()
  }

  /** One frame leaves `small`: for `main` if it was used, else for good. */
  #evictSmall(): void {
    const entry = this.#small.shift()
    assert(entry !== undefined, 'Frames take bytes')
    this.#smallSize -= entry.size
    if (entry.sealed === undefined) return
    if (entry.uses === 0) {
      this.#toGhost(entry)
      return
    }

    entry.uses = 0
    this.#addMain(entry)
  }

  #evictMain(): void {
    const entry = this.#main.shift()
    assert(entry !== undefined)
    this.#mainSize -= entry.size
    if (entry.sealed === undefined) return
    if (entry.uses === 0) {
      this.#index.delete(entry.name)
      return
    }

    entry.uses--
    this.#addMain(entry)
  }

  /** As many ghosts as there are frames: what comes back later than that was no loss. */
  #toGhost(entry: Entry): void {
    entry.sealed = undefined
    this.#ghosts.push(entry)
    while (this.#ghosts.length > this.#small.length + this.#main.length + 1) {
      const oldest = this.#ghosts.shift()
      assert(oldest !== undefined)
      if (this.#index.get(oldest.name) === oldest) this.#index.delete(oldest.name)
    }
  }
}

/** The id's bytes as they are, and the frame's index behind them. */
function nameOf(extentId: Buffer, frame: number): string {
  assert(frame < 0x1_0000)
  return extentId.toString('latin1') + String.fromCharCode(frame)
}
