/**
 * Cuts a body into extents and seals them frame by frame, as the bytes arrive.
 *
 * The last frame of an extent carries a flag under its seal, so a full frame is sealed only when it is known whether
 * another follows. Until then the pieces that it is made of are kept as they came; a frame that
 * one piece covers is sealed without a copy.
 */

import assert from 'node:assert/strict'
import { newId, newKey } from '../crypto/key-wrap.ts'
import { frameOverhead, sealFrame } from '../crypto/frame-cipher.ts'
import { extentSizeMax, frameSize } from '../limits.ts'
import type { SealedExtent } from '../storage/extent.ts'

export interface CutExtent {
  extent: SealedExtent
  /** 32 bytes: what the frames were sealed under. */
  key: Buffer
}

/**
 * Buffers of full frames whose extents are written: a stream of gigabytes goes through the same few, which keeps what
 * waits for the garbage collector small.
 */
const spareFrames: Buffer[] = []
const spareFrameCountMax = 512
const sealedFrameSize = frameSize + frameOverhead

/** The extent is on all its volumes, and nobody looks at its frames any more. */
export function recycle({ frames }: SealedExtent): void {
  for (const frame of frames) {
    if (spareFrames.length >= spareFrameCountMax) return
    if (frame.length === sealedFrameSize && Buffer.isBuffer(frame)) spareFrames.push(frame)
  }
}

/** Where frames of several pieces are put together. Sealing is synchronous, so one serves all. */
const assembly = Buffer.allocUnsafeSlow(frameSize)

export class ExtentCutter {
  /** Bytes of plaintext in a full extent, asked for at each frame: it becomes less while an extent fills, too. */
  readonly #extentSize: () => number
  /** Of the extent that fills; there is none before its first frame. */
  #open: { id: Buffer; key: Buffer } | undefined
  #frames: Buffer[] = []
  /** Bytes of plaintext in `#frames`. */
  #sealedSize = 0
  #pieces: Uint8Array[] = []
  /** Bytes in `#pieces`: at most one frame. */
  #pendingSize = 0

  constructor(extentSize: () => number) {
    this.#extentSize = extentSize
  }

  /** Takes the whole chunk and yields each extent that it completes. Keeps references into `chunk`. */
  *write(chunk: Uint8Array): Generator<CutExtent, void, undefined> {
    let offset = 0
    while (offset < chunk.length) {
      if (this.#pendingSize === frameSize) {
        // More follows. So this frame is the last only if the extent has no room for another.
        const isFull = this.#frames.length + 1 >= this.#frameCount()
        this.#seal(isFull)
        if (isFull) yield this.#take()
      }

      const size = Math.min(frameSize - this.#pendingSize, chunk.length - offset)
      this.#pieces.push(chunk.subarray(offset, offset + size))
      this.#pendingSize += size
      offset += size
    }
  }

  /** The rest, as the last extent; undefined if there was not a byte at all. */
  end(): CutExtent | undefined {
    if (this.#pendingSize === 0) {
      assert(this.#frames.length === 0, 'A byte is always kept back for the last frame')
      return undefined
    }

    this.#seal(true)
    return this.#take()
  }

  #seal(isLast: boolean): void {
    assert(this.#pendingSize > 0)
    this.#open ??= { id: newId(), key: newKey() }
    const { id: extentId, key } = this.#open
    const context = { key, extentId, index: this.#frames.length, isLast }
    const plaintext = this.#assemble()
    const spare = plaintext.length === frameSize ? spareFrames.pop() : undefined
    this.#frames.push(sealFrame(plaintext, context, spare))
    this.#sealedSize += this.#pendingSize
    this.#pieces = []
    this.#pendingSize = 0
  }

  #assemble(): Uint8Array {
    const [first] = this.#pieces
    assert(first !== undefined)
    if (first.length === this.#pendingSize) return first

    let offset = 0
    for (const piece of this.#pieces) {
      assembly.set(piece, offset)
      offset += piece.length
    }
    return assembly.subarray(0, offset)
  }

  #take(): CutExtent {
    assert(this.#open !== undefined)
    const { id, key } = this.#open
    const cut = { extent: { id, size: this.#sealedSize, frames: this.#frames }, key }
    this.#open = undefined
    this.#frames = []
    this.#sealedSize = 0
    return cut
  }

  #frameCount(): number {
    const size = Math.min(extentSizeMax, Math.max(frameSize, this.#extentSize()))
    return Math.floor(size / frameSize)
  }
}
