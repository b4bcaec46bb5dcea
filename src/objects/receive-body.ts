/**
 * Receiving a body: its bytes are digested, sealed in extents, and on their way to the volumes while more of them come.
 *
 * A small body is dealt with where it is. A large one is gathered into frames of memory that the hashing threads share: a frame is
 * sealed here and then hashed there, so that neither waits for the other. What is held has a bound at each stage: frames that are not
 * hashed, and extents that are not written, of which there are fewer and smaller ones the more writes there are.
 */

import { R2dError } from '../errors.ts'
import { extentSizeMax, frameSize, putSizeMax, sharedExtentSizeMax } from '../limits.ts'
import type { Checksums } from '../metadata/object-record.ts'
import type { PlacementPolicy } from '../storage/extent-writer.ts'
import type { BodyHash, FilledFrame } from './body-hash.ts'
import type { StoreContext } from './context.ts'
import { Digests, digestsOf } from './digests.ts'
import { ExtentCutter, type CutExtent } from './extent-cutter.ts'
import { ExtentWrites, writeShare, type StoredExtent } from './extent-writes.ts'
import type { SharedFrames } from './shared-frames.ts'
import type { DigestName, PutOptions } from './store.ts'

/** Frames that the bodies of a thread share while they wait for their digests. */
const unhashedCount = 64
/** Of one body: from what keeps a thread going to what hides its hiccups. */
const unhashedCountMin = 2
const unhashedCountMax = 32

export interface ReceivedBody {
  size: number
  digests: Checksums
  written: StoredExtent[]
  /** The whole content, where it is small enough to travel with the commit. */
  small: CutExtent | undefined
}

/** On return all of it is durable, or small enough to travel with the commit. */
export async function receiveBody(
  context: StoreContext,
  policy: PlacementPolicy,
  body: AsyncIterable<Uint8Array>,
  { digests, size }: Pick<PutOptions, 'digests' | 'size'>
): Promise<ReceivedBody> {
  const names: DigestName[] = ['md5', ...digests]
  const isSmall = size !== undefined && size <= sharedExtentSizeMax
  const writes = new ExtentWrites(context, policy)
  const cutter = new ExtentCutter(() => extentSize(context))
  const receiver = isSmall
    ? new InlineReceiver(cutter, writes, names)
    : new SharedReceiver(context, cutter, writes, names)
  let received = 0
  try {
    for await (const chunk of body) {
      received += chunk.length
      requirePutSize(received)
      const room = receiver.take(chunk)
      if (room !== undefined) await room
    }

    const rest = receiver.end()
    const isWhole = rest.length === 1 && writes.written.length === 0
    const small = isWhole && received <= sharedExtentSizeMax ? rest[0] : undefined
    if (small === undefined) await writes.startAll(rest)
    const found = await receiver.finish()
    await writes.finish()
    return { size: received, digests: found, written: writes.written, small }
  } finally {
    // Whatever becomes of the one: nothing is being written on return.
    try {
      await receiver.close()
    } finally {
      await writes.settle()
    }
  }
}

export function requirePutSize(size: number): void {
  if (size <= putSizeMax) return

  throw new R2dError('R2D_OBJECT_TOO_LARGE', `A single write takes at most ${putSizeMax} bytes`)
}

/** Smaller extents while many write at once: one fills while another is written. */
function extentSize(context: StoreContext): number {
  return Math.max(frameSize, Math.min(extentSizeMax, writeShare(context) / 2))
}

interface Receiver {
  /** Takes the whole chunk. What it returns is to be awaited before the next. */
  take(chunk: Uint8Array): Promise<void> | undefined
  /** There are no more chunks: the extents that this completes. */
  end(): CutExtent[]
  finish(): Promise<Checksums>
  close(): Promise<void>
}

/** Digests the bytes where they are. */
class InlineReceiver implements Receiver {
  readonly #cutter: ExtentCutter
  readonly #writes: ExtentWrites
  readonly #names: readonly DigestName[]
  /** The first piece, for as long as there is no other: most small bodies have one. */
  #only: Buffer | undefined
  #digests: Digests | undefined

  constructor(cutter: ExtentCutter, writes: ExtentWrites, names: readonly DigestName[]) {
    this.#cutter = cutter
    this.#writes = writes
    this.#names = names
  }

  take(chunk: Uint8Array): Promise<void> | undefined {
    // The cutter keeps it until a frame is full.
    const piece = Buffer.from(chunk)
    this.#digest(piece)
    const cuts = [...this.#cutter.write(piece)]
    return cuts.length === 0 ? undefined : this.#writes.startAll(cuts)
  }

  end(): CutExtent[] {
    const last = this.#cutter.end()
    return last === undefined ? [] : [last]
  }

  finish(): Promise<Checksums> {
    const only = this.#only ?? Buffer.alloc(0)
    return Promise.resolve(this.#digests?.finish() ?? digestsOf(this.#names, only))
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  #digest(piece: Buffer): void {
    if (this.#digests === undefined) {
      if (this.#only === undefined) {
        this.#only = piece
        return
      }
      this.#digests = new Digests(this.#names)
      this.#digests.update(this.#only)
    }
    this.#digests.update(piece)
  }
}

/** Gathers frames in memory that the hashing threads share. */
class SharedReceiver implements Receiver {
  readonly #context: StoreContext
  readonly #cutter: ExtentCutter
  readonly #writes: ExtentWrites
  readonly #memory: SharedFrames
  readonly #hash: BodyHash
  #filling: FilledFrame | undefined
  /** Full, and with the cutter, which seals it when the next one comes. */
  #unsealed: FilledFrame | undefined

  constructor(
    context: StoreContext,
    cutter: ExtentCutter,
    writes: ExtentWrites,
    names: readonly DigestName[]
  ) {
    this.#context = context
    this.#cutter = cutter
    this.#writes = writes
    this.#memory = context.hashers.frames
    this.#hash = context.hashers.open(names)
  }

  take(chunk: Uint8Array): Promise<void> | undefined {
    const cuts: CutExtent[] = []
    let offset = 0
    while (offset < chunk.length) {
      this.#filling ??= { frame: this.#takeFrame(), size: 0 }
      const filling = this.#filling
      const size = Math.min(frameSize - filling.size, chunk.length - offset)
      const bytes = this.#memory.bytes(filling.frame)
      // Not `set`, which copies into shared memory byte by byte where the alignments differ.
      bytes.fill(chunk.subarray(offset, offset + size), filling.size, filling.size + size)
      filling.size += size
      offset += size
      if (filling.size === frameSize) cuts.push(...this.#pass(filling))
    }

    const heldMax = this.#heldMax()
    if (cuts.length === 0 && this.#hash.heldCount <= heldMax) return undefined
    return this.#room(cuts, heldMax)
  }

  end(): CutExtent[] {
    const cuts = this.#filling === undefined ? [] : this.#pass(this.#filling)
    const last = this.#cutter.end()
    this.#hashSealed()
    return last === undefined ? cuts : [...cuts, last]
  }

  finish(): Promise<Checksums> {
    return this.#hash.finish()
  }

  async close(): Promise<void> {
    for (const held of [this.#filling, this.#unsealed]) {
      if (held !== undefined) this.#memory.give(held.frame)
    }
    this.#filling = undefined
    this.#unsealed = undefined
    await this.#hash.close()
  }

  async #room(cuts: readonly CutExtent[], heldMax: number): Promise<void> {
    await this.#writes.startAll(cuts)
    await this.#hash.heldAtMost(heldMax)
  }

  /** To the cutter, which seals the one before: that one is then only to be hashed. */
  #pass(filled: FilledFrame): CutExtent[] {
    const bytes = this.#memory.bytes(filled.frame).subarray(0, filled.size)
    const cuts = [...this.#cutter.write(bytes)]
    this.#hashSealed()
    this.#unsealed = filled
    this.#filling = undefined
    return cuts
  }

  #hashSealed(): void {
    if (this.#unsealed !== undefined) this.#hash.update(this.#unsealed)
    this.#unsealed = undefined
  }

  #heldMax(): number {
    const share = Math.floor(unhashedCount / Math.max(1, this.#context.writers.count))
    return Math.max(unhashedCountMin, Math.min(unhashedCountMax, share))
  }

  #takeFrame(): number {
    const frame = this.#memory.take()
    if (frame !== undefined) return frame

    throw new R2dError('R2D_UNAVAILABLE', 'More bodies are being received than there is memory for')
  }
}
