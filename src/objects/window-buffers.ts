/**
 * Memory for the windows of reads: the same few buffers again and again.
 *
 * A new buffer for each window would be mapped, faulted in page by page and unmapped again, and what waits for the garbage
 * collector would be a multiple of what is in use.
 *
 * Who takes a buffer gives it back once nobody looks at it any more, or leaves it to the garbage
 * collector where that is not known.
 */

import assert from 'node:assert/strict'
import { frameSize } from '../limits.ts'

/** Frames that one read fetches and opens: large enough for a disk, small enough to stay in a core's cache. */
export const windowFrameCount = 4

const bufferSize = windowFrameCount * frameSize
/** Kept for the next read; what 64 streams need is more than this only for a moment. */
const spareCountMax = 128

const spare: Buffer[] = []

/** At least `size` bytes of whatever was there before. A small read does not take a whole window's. */
export function takeWindowBuffer(size: number): Buffer {
  assert(size > 0)
  assert(size <= bufferSize)
  if (size <= frameSize) return Buffer.allocUnsafeSlow(size)

  return spare.pop() ?? Buffer.allocUnsafeSlow(bufferSize)
}

export function giveWindowBuffer(buffer: Buffer): void {
  if (buffer.length === bufferSize && spare.length < spareCountMax) spare.push(buffer)
}
