/**
 * Memory for the plaintext of bodies on their way in, a frame at a time, that hashing threads read without a copy.
 *
 * One run of address space: pages that were never used take no memory, and the frame given back last is the next to
 * be taken, so that few are ever touched.
 */

import assert from 'node:assert/strict'
import { frameSize } from '../limits.ts'

export class SharedFrames {
  readonly memory: SharedArrayBuffer
  readonly #views: Buffer[] = []
  readonly #free: number[] = []
  readonly #countMax: number

  constructor(countMax: number) {
    this.#countMax = countMax
    this.memory = new SharedArrayBuffer(countMax * frameSize)
  }

  /** The number of a frame that nobody else has; undefined if they are all taken. */
  take(): number | undefined {
    const frame = this.#free.pop()
    if (frame !== undefined || this.#views.length === this.#countMax) return frame

    return this.#views.push(Buffer.from(this.memory, this.#views.length * frameSize, frameSize)) - 1
  }

  give(frame: number): void {
    assert(frame < this.#views.length)
    assert(this.#free.length < this.#views.length, 'A frame is given back once')
    this.#free.push(frame)
  }

  /** All bytes of a frame that was taken. */
  bytes(frame: number): Buffer {
    const view = this.#views[frame]
    assert(view !== undefined)
    return view
  }
}
