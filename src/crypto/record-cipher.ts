/**
 * Records of the metadata journal and of snapshots, sealed one by one.
 *
 *     ciphertext   XChaCha20-Poly1305-IETF of the record's plaintext, then 16 bytes of tag
 *     nonce        24 random bytes, stored with the record
 *     associated   "r2d record 1" and a zero, the id of what the record belongs to (16), the record's place (20)
 *
 * The nonce is random, because a place may be written twice: by a daemon that goes on from an older copy of its metadata.
 *
 * docs/format.md#sealed-record
 */

import assert from 'node:assert/strict'
import { keySize, nonceSize, open, randomBuffer, seal, tagSize } from './sodium.ts'

export const recordNonceSize = nonceSize
export const recordOverhead = tagSize
/** Bytes that say where a record stands: they are bound to it. */
export const recordPlaceSize = 20

export interface RecordContext {
  /** 32 bytes. */
  key: Buffer
  /** 16 bytes: of the store, or of the snapshot. */
  ownerId: Buffer
  /** `recordPlaceSize` bytes. */
  place: Buffer
}

const label = Buffer.from('r2d record 1\0', 'latin1')

/** Seals into `ciphertext`, which is `recordOverhead` bytes longer than the plaintext; the nonce that it took. */
export function sealRecord(
  ciphertext: Uint8Array,
  plaintext: Uint8Array,
  context: RecordContext
): Buffer {
  assert(ciphertext.length === plaintext.length + recordOverhead)

  const nonce = randomBuffer(recordNonceSize)
  seal(ciphertext, plaintext, associatedData(context), nonce, context.key)
  return nonce
}

/** Undefined if it was not sealed under this key, for this owner and place. */
export function openRecord(
  ciphertext: Uint8Array,
  nonce: Buffer,
  context: RecordContext
): Buffer | undefined {
  assert(nonce.length === recordNonceSize)
  if (ciphertext.length < recordOverhead) return undefined

  const plaintext = Buffer.allocUnsafeSlow(ciphertext.length - recordOverhead)
  return open(plaintext, ciphertext, associatedData(context), nonce, context.key)
    ? plaintext
    : undefined
}

function associatedData({ key, ownerId, place }: RecordContext): Buffer {
  assert(key.length === keySize)
  assert(ownerId.length === 16)
  assert(place.length === recordPlaceSize)
  return Buffer.concat([label, ownerId, place])
}
