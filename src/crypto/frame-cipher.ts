/**
 * Frames: an extent's plaintext sealed in runs of `frameSize`, so that a range read opens only what it needs.
 *
 *     ciphertext   XChaCha20-Poly1305-IETF of the frame's plaintext, then 16 bytes of tag
 *     nonce        24 bytes: the frame's index, little-endian, zeros behind it
 *     associated   32 bytes: "r2d frame 1" and a zero, then extent id (16), frame index (3, little-endian),
 *                  last-frame flag (1)
 *
 * The nonce needs no randomness: an extent's key is random, used for this extent alone, and an extent is sealed
 * once, so that no pair of key and nonce occurs twice. The associated data ties each frame to its place: frames
 * cannot be reordered, moved to another extent, or dropped from the end.
 *
 * docs/format.md#frame
 */

import assert from 'node:assert/strict'
import { extentSizeMax, frameSize } from '../limits.ts'
import { keySize, nonceSize, open, seal, tagSize } from './sodium.ts'

export const frameOverhead = tagSize

export interface FrameContext {
  /** 32 bytes. */
  key: Buffer
  /** 16 bytes. */
  extentId: Buffer
  index: number
  isLast: boolean
}

const label = Buffer.from('r2d frame 1\0', 'latin1')
const idOffset = label.length
const indexOffset = idOffset + 16
const flagOffset = indexOffset + 3
const associatedDataSize = flagOffset + 1

assert(associatedDataSize === 32)
assert(extentSizeMax / frameSize < 2 ** 24)

// Sealing is synchronous: one pair of scratch buffers serves every frame of the thread.
const associatedData = Buffer.concat([label], associatedDataSize)
const nonce = Buffer.alloc(nonceSize)

/** Bytes of ciphertext for so many of plaintext. */
export function sealedSize(plainSize: number): number {
  assert(plainSize > 0)
  return plainSize + Math.ceil(plainSize / frameSize) * frameOverhead
}

/** The frame's ciphertext, in `into` if that is given: its length is what the frame takes. */
export function sealFrame(plaintext: Uint8Array, context: FrameContext, into?: Buffer): Buffer {
  assert(plaintext.length > 0)
  assert(plaintext.length <= frameSize)
  assert(context.isLast || plaintext.length === frameSize, 'Only the last frame is short')

  place(context)
  const ciphertext = into ?? Buffer.allocUnsafeSlow(plaintext.length + frameOverhead)
  assert(ciphertext.length === plaintext.length + frameOverhead)
  seal(ciphertext, plaintext, associatedData, nonce, context.key)
  return ciphertext
}

/** Opens into `plaintext`, which may be the ciphertext's own memory; false if the frame is not authentic. */
export function openFrame(
  plaintext: Uint8Array,
  ciphertext: Uint8Array,
  context: FrameContext
): boolean {
  assert(ciphertext.length === plaintext.length + frameOverhead)

  place(context)
  return open(plaintext, ciphertext, associatedData, nonce, context.key)
}

function place({ key, extentId, index, isLast }: FrameContext): void {
  assert(key.length === keySize)
  assert(extentId.length === 16)
  assert(index >= 0)

  extentId.copy(associatedData, idOffset)
  associatedData.writeUIntLE(index, indexOffset, 3)
  associatedData[flagOffset] = isLast ? 1 : 0
  nonce.writeUInt32LE(index, 0)
}
