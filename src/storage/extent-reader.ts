/**
 * Reads frames of an extent from whichever replica has them whole.
 *
 * Every frame is authenticated. A replica that cannot be opened, is short, or does not verify is reported, and the next
 * one is asked: the caller gets right bytes or an error.
 *
 * Extents of one frame are kept in the memory tier, sealed as they are: reading them again costs neither a trip through
 * the thread pool nor their extent row. Larger ones are not: the kernel's cache serves them as fast.
 */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { MemoryTier, type TierCounters } from '../cache/memory-tier.ts'
import { frameOverhead, openFrame, sealedSize } from '../crypto/frame-cipher.ts'
import { R2dError } from '../errors.ts'
import { errnoOf, type DataFile } from '../file.ts'
import { frameSize } from '../limits.ts'
import type { Replica } from './replica.ts'
import type { SegmentPlace } from './sealed-segments.ts'
import { recordHeaderSize, segmentName } from './segment-format.ts'
import { segmentsName } from './superblock.ts'
import { describe, type Volume, type VolumeFault, type VolumeSet } from './volume-set.ts'

/** Segments kept open for reading. */
const openFileCountMax = 256

/** Bytes of a read that is served from scratch buffers: what four frames take. */
const scratchSize = sealedSize(4 * frameSize)
/** Reads that go on at once, each with a buffer: more than the threads that do them. The others wait their turn. */
const scratchCountMax = 8

/** Segments that are remembered as gone: for as long as a read may have their places from a row of before. */
const retiredCountMax = 10_000

export interface ReadableExtent {
  /** 16 bytes. */
  id: Buffer
  /** Bytes of plaintext. */
  size: number
  /** 32 bytes. */
  key: Buffer
  replicas: readonly Replica[]
}

export interface ExtentReaderOptions {
  volumes: VolumeSet
  onFault: (fault: VolumeFault) => void
  /** None, if it is left out. */
  memory?: MemoryTier
}

interface OpenSegment {
  file: Promise<DataFile>
  readers: number
  isDropped: boolean
}

/**
 * Memory for small plaintexts, many from one allocation: each has a place of its own, and all of it goes when nobody
 * holds any of them any more.
 */
const slabSize = 256 * 1024
let slab = Buffer.alloc(0)
let slabUsed = 0

function takePlaintext(size: number): Buffer {
  if (size > slabSize / 16) return Buffer.allocUnsafeSlow(size)

  if (slabUsed + size > slab.length) {
    slab = Buffer.allocUnsafeSlow(slabSize)
    slabUsed = 0
  }
  const place = slab.subarray(slabUsed, slabUsed + size)
  slabUsed += size
  return place
}

export class ExtentReader {
  readonly #volumes: VolumeSet
  readonly #onFault: (fault: VolumeFault) => void
  /** By volume and segment, the one that was used last at the end. */
  readonly #open = new Map<string, OpenSegment>()
  /** Where ciphertext is read to; the plaintext, which the caller keeps, is new each time. */
  readonly #scratches: Buffer[] = []
  #scratchCount = 0
  readonly #waiting: ((scratch: Buffer) => void)[] = []
  readonly #memory: MemoryTier
  /** Segments that are going or gone: no descriptor of them is kept. By volume and segment, the latest at the end. */
  readonly #retired = new Set<string>()

  constructor({ volumes, onFault, memory = new MemoryTier(0) }: ExtentReaderOptions) {
    this.#volumes = volumes
    this.#onFault = onFault
    this.#memory = memory
    volumes.onUpdate(() => this.#leaveVolumes())
  }

  get memoryCounters(): TierCounters {
    return this.#memory.counters
  }

  /** The plaintext of an extent of one frame, if that is in memory. */
  cached(extentId: Buffer, openKey: () => Buffer): Buffer | undefined {
    const sealed = this.#memory.get(extentId, 0)
    if (sealed === undefined) return undefined

    const plaintext = takePlaintext(sealed.length - frameOverhead)
    const frame = { key: openKey(), extentId, index: 0, isLast: true }
    if (openFrame(plaintext, sealed, frame)) return plaintext
    this.#memory.drop(extentId, 0)
    return undefined
  }

  /**
   * The plaintext of `frameCount` frames from `firstFrame`: at the start of `into`, or in memory of its own.
   * R2D_EXTENT_UNREADABLE if no replica has it; `into` may then hold anything.
   */
  async read(
    extent: ReadableExtent,
    firstFrame: number,
    frameCount: number,
    into?: Buffer
  ): Promise<Buffer> {
    const start = firstFrame * frameSize
    assert(frameCount > 0)
    assert(start < extent.size)
    const size = Math.min(frameCount * frameSize, extent.size - start)
    assert(size > (frameCount - 1) * frameSize, 'The frames are within the extent')
    const plaintext = into?.subarray(0, size) ?? Buffer.allocUnsafeSlow(size)
    assert(plaintext.length === size, 'The frames fit into the memory that is given')

    for (const replica of this.#inOrder(extent)) {
      const failure = await this.#readReplica(extent, replica, firstFrame, plaintext)
      if (failure === undefined) return plaintext
      // Where its file went on purpose, the disk did nothing wrong.
      if (this.#retired.has(`${replica.volume}/${replica.segment}`)) continue
      this.#onFault({ kind: 'read', ...replica, extentId: extent.id, ...failure })
    }

    throw new R2dError(
      'R2D_EXTENT_UNREADABLE',
      `None of the ${extent.replicas.length} replicas of extent ${extent.id.toString('hex')} can be read`
    )
  }

  /**
   * The segment's records were moved, and its file is about to go: its descriptor is closed, so that the space comes back. Who
   * still has a row from before finds the new place by reading it again.
   */
  retire({ volume, segment }: SegmentPlace): void {
    const name = `${volume}/${segment}`
    this.#retired.add(name)
    if (this.#retired.size > retiredCountMax) {
      const [oldest] = this.#retired
      if (oldest !== undefined) this.#retired.delete(oldest)
    }
    const open = this.#open.get(name)
    if (open !== undefined) this.#drop(name, open)
  }

  /** No read is going on. */
  async close(): Promise<void> {
    await Promise.all([...this.#open.values()].map(segment => closeSegment(segment)))
    this.#open.clear()
  }

  /** Ends with the descriptors of volumes that nothing is to be read from any more. */
  #leaveVolumes(): Promise<void> {
    for (const [name, segment] of [...this.#open]) {
      const volume = this.#volumes.byNumber(Number.parseInt(name, 10))
      if (volume === undefined || volume.state === 'lost') this.#drop(name, segment)
    }
    return Promise.resolve()
  }

  /** Volumes in good order first, and among them another first one for another extent. What is lost is not asked. */
  #inOrder({ id, replicas }: ReadableExtent): Replica[] {
    const stateOf = ({ volume }: Replica) => this.#volumes.byNumber(volume)?.state
    const shift = (id[0] ?? 0) % replicas.length
    const rotated = [...replicas.slice(shift), ...replicas.slice(0, shift)].filter(
      each => stateOf(each) !== 'lost'
    )
    const isLast = (replica: Replica): boolean => {
      const state = stateOf(replica)
      return state === undefined || state === 'failed'
    }

    return [...rotated.filter(each => !isLast(each)), ...rotated.filter(isLast)]
  }

  /** Undefined when `plaintext` is filled; otherwise why it is not. */
  async #readReplica(
    extent: ReadableExtent,
    replica: Replica,
    firstFrame: number,
    plaintext: Buffer
  ): Promise<{ reason: string; errno?: string } | undefined> {
    const volume = this.#volumes.byNumber(replica.volume)
    if (volume === undefined) return { reason: 'there is no such volume' }

    const size = sealedSize(plaintext.length)
    const scratch = size > scratchSize ? undefined : await this.#takeScratch()
    const name = `${replica.volume}/${replica.segment}`
    const segment = this.#segment(name, volume, replica.segment)
    const ciphertext = scratch?.subarray(0, size) ?? Buffer.allocUnsafeSlow(size)
    segment.readers++
    try {
      const file = await segment.file
      const sealedFrame = frameSize + frameOverhead
      const position = replica.offset + recordHeaderSize + firstFrame * sealedFrame
      const count = await file.read(ciphertext, position)
      if (count < ciphertext.length) {
        return { reason: `the segment ends after ${count} of ${ciphertext.length} bytes` }
      }
      const reason = openFrames(extent, ciphertext, firstFrame, plaintext)
      if (reason !== undefined) return { reason }
      if (extent.size <= frameSize) this.#memory.put(extent.id, 0, ciphertext)
      return undefined
    } catch (error) {
      // A descriptor of a disk that went away does not come back by itself.
      this.#drop(name, segment)
      const errno = errnoOf(error)
      return { reason: describe(error), ...(errno === undefined ? {} : { errno }) }
    } finally {
      segment.readers--
      if (scratch !== undefined) this.#giveScratch(scratch)
      if (segment.isDropped && segment.readers === 0) await closeSegment(segment)
    }
  }

  #takeScratch(): Buffer | Promise<Buffer> {
    const scratch = this.#scratches.pop()
    if (scratch !== undefined) return scratch
    if (this.#scratchCount < scratchCountMax) {
      this.#scratchCount++
      return Buffer.allocUnsafeSlow(scratchSize)
    }
    return new Promise(resolve => this.#waiting.push(resolve))
  }

  #giveScratch(scratch: Buffer): void {
    const next = this.#waiting.shift()
    if (next === undefined) this.#scratches.push(scratch)
    else next(scratch)
  }

  #segment(name: string, volume: Volume, number: number): OpenSegment {
    const found = this.#open.get(name)
    if (found !== undefined) {
      this.#open.delete(name)
      this.#open.set(name, found)
      return found
    }

    const path = join(volume.path, segmentsName, segmentName(number))
    const segment = { file: this.#volumes.files.openRead(path), readers: 0, isDropped: false }
    // Its failure is met by whoever awaits it.
    segment.file.catch(() => undefined)
    if (this.#retired.has(name)) {
      // Closed by its first and only reader.
      segment.isDropped = true
      return segment
    }
    this.#open.set(name, segment)
    if (this.#open.size > openFileCountMax) {
      const [oldest] = this.#open
      if (oldest !== undefined) this.#drop(...oldest)
    }
    return segment
  }

  #drop(name: string, segment: OpenSegment): void {
    if (this.#open.get(name) === segment) this.#open.delete(name)
    if (segment.isDropped) return

    segment.isDropped = true
    if (segment.readers === 0) void closeSegment(segment)
  }
}

function openFrames(
  { id: extentId, key, size }: ReadableExtent,
  ciphertext: Buffer,
  firstFrame: number,
  plaintext: Buffer
): string | undefined {
  const lastIndex = Math.ceil(size / frameSize) - 1
  let from = 0
  for (let to = 0; to < plaintext.length; to += frameSize) {
    const index = firstFrame + to / frameSize
    const opened = plaintext.subarray(to, to + frameSize)
    const sealed = ciphertext.subarray(from, from + opened.length + frameOverhead)
    from += sealed.length
    if (!openFrame(opened, sealed, { key, extentId, index, isLast: index === lastIndex })) {
      return `frame ${index} is not authentic`
    }
  }

  return undefined
}

async function closeSegment({ file }: OpenSegment): Promise<void> {
  try {
    await (await file).close()
  } catch {
    // It never opened, or is closed by the kernel already: there is nothing to give back.
  }
}
