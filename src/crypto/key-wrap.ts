/**
 * Keys sealed under other keys: master -> bucket -> content -> extent, and secrets under the master key.
 *
 *     wrapped key     48 bytes: XChaCha20-Poly1305-IETF of 32 bytes of key
 *       nonce         24 bytes: the id, zeros, and the purpose's code in the last byte
 *       associated    "r2d key 1" and a zero, the purpose's code, the id
 *
 *     customer's      32 bytes: HKDF-SHA256 (RFC 5869) of the key that a customer gave, with the bucket's key as
 *                     salt; takes the bucket key's place in wrapping a content key
 *       info          "r2d customer key 1"
 *
 *     sealed secret   24 bytes of random nonce, ciphertext, 16 bytes of tag
 *       associated    "r2d secret 1" and a zero, the purpose's name, a zero, the id
 *
 * The nonce of a wrapped key is not stored: ids are random, each names one thing for ever, and that thing has one
 * key; wrapping it again under the same key gives the same bytes.
 *
 * docs/format.md#wrapped-keys
 */

import assert from 'node:assert/strict'
import { hkdfSync } from 'node:crypto'
import { keySize, nonceSize, open, randomBuffer, seal, tagSize } from './sodium.ts'

export const wrappedKeySize = keySize + tagSize
export const idSize = 16

/** What a wrapped key opens, and the code under which that is bound to it. */
const purposeCodes = { bucket: 1, content: 2, extent: 3, journal: 4 } as const

export type KeyPurpose = keyof typeof purposeCodes
export type SecretPurpose = 'store' | 'credential' | 'master'

const keyLabel = Buffer.from('r2d key 1\0', 'latin1')

export function newKey(): Buffer {
  return randomBuffer(keySize)
}

/** 16 random bytes: the name of one thing, for ever. */
export function newId(): Buffer {
  return randomBuffer(idSize)
}

export function wrapKey(wrapping: Buffer, purpose: KeyPurpose, id: Buffer, key: Buffer): Buffer {
  assert(wrapping.length === keySize)
  assert(key.length === keySize)

  const wrapped = Buffer.allocUnsafe(wrappedKeySize)
  seal(wrapped, key, keyContext(purpose, id), keyNonce(purpose, id), wrapping)
  return wrapped
}

/** Undefined if it was not wrapped under this key, for this purpose and id. */
export function unwrapKey(
  wrapping: Buffer,
  purpose: KeyPurpose,
  id: Buffer,
  wrapped: Buffer
): Buffer | undefined {
  assert(wrapping.length === keySize)
  if (wrapped.length !== wrappedKeySize) return undefined

  const key = Buffer.allocUnsafe(keySize)
  const isOpen = open(key, wrapped, keyContext(purpose, id), keyNonce(purpose, id), wrapping)
  return isOpen ? key : undefined
}

/** The key under which an object's key is wrapped if it is to be opened only with the customer's, too. */
export function customerWrappingKey(bucketKey: Buffer, customerKey: Buffer): Buffer {
  assert(bucketKey.length === keySize)
  assert(customerKey.length === keySize)

  return Buffer.from(hkdfSync('sha256', customerKey, bucketKey, 'r2d customer key 1', keySize))
}

export function sealSecret(
  key: Buffer,
  purpose: SecretPurpose,
  id: Buffer,
  secret: Uint8Array
): Buffer {
  assert(key.length === keySize)

  const sealed = Buffer.allocUnsafe(nonceSize + secret.length + tagSize)
  const nonce = randomBuffer(nonceSize)
  nonce.copy(sealed)
  seal(sealed.subarray(nonceSize), secret, secretContext(purpose, id), nonce, key)
  return sealed
}

/** Undefined if it was not sealed under this key, for this purpose and id. */
export function openSecret(
  key: Buffer,
  purpose: SecretPurpose,
  id: Buffer,
  sealed: Buffer
): Buffer | undefined {
  assert(key.length === keySize)
  if (sealed.length < nonceSize + tagSize) return undefined

  const secret = Buffer.allocUnsafe(sealed.length - nonceSize - tagSize)
  const nonce = sealed.subarray(0, nonceSize)
  const isOpen = open(secret, sealed.subarray(nonceSize), secretContext(purpose, id), nonce, key)
  return isOpen ? secret : undefined
}

// Wrapping is synchronous: one pair of scratch buffers serves every key of the thread.
const contextHead = keyLabel.length + 1
const contextScratch = Buffer.concat([keyLabel], contextHead + nonceSize)
const nonceScratch = Buffer.alloc(nonceSize)

function keyContext(purpose: KeyPurpose, id: Buffer): Buffer {
  assert(id.length < nonceSize)

  contextScratch[keyLabel.length] = purposeCodes[purpose]
  contextScratch.set(id, contextHead)
  return contextScratch.subarray(0, contextHead + id.length)
}

function keyNonce(purpose: KeyPurpose, id: Buffer): Buffer {
  assert(id.length >= 12, 'Random ids of fewer bytes could meet')
  assert(id.length < nonceSize)

  nonceScratch.set(id)
  nonceScratch.fill(0, id.length)
  nonceScratch[nonceSize - 1] = purposeCodes[purpose]
  return nonceScratch
}

function secretContext(purpose: SecretPurpose, id: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`r2d secret 1\0${purpose}\0`, 'latin1'), id])
}
