/**
 * The door to libsodium: the only file that imports the binding.
 *
 * Only what is used is declared: the package ships no types. Its functions write into buffers of exactly the size
 * that is asked for, and throw on any other.
 */

import { createRequire } from 'node:module'

interface Sodium {
  crypto_aead_xchacha20poly1305_ietf_encrypt(
    ciphertext: Uint8Array,
    message: Uint8Array,
    associatedData: Uint8Array,
    secretNonce: null,
    nonce: Uint8Array,
    key: Uint8Array
  ): number
  /** Throws if the ciphertext, the nonce, the key or the associated data is not what was sealed. */
  crypto_aead_xchacha20poly1305_ietf_decrypt(
    message: Uint8Array,
    secretNonce: null,
    ciphertext: Uint8Array,
    associatedData: Uint8Array,
    nonce: Uint8Array,
    key: Uint8Array
  ): number
  /** `operations` passes over `memory` bytes. */
  crypto_pwhash(
    output: Uint8Array,
    password: Uint8Array,
    salt: Uint8Array,
    operations: number,
    memory: number,
    algorithm: number
  ): void
  crypto_pwhash_ALG_ARGON2ID13: number
  crypto_pwhash_SALTBYTES: number
  randombytes_buf(output: Uint8Array): void
}

export const sodium = createRequire(import.meta.url)('sodium-native') as Sodium

export const keySize = 32
export const nonceSize = 24
export const tagSize = 16

/** Random bytes that nobody has been given yet: asking the kernel for each key costs more than sealing with it. */
const pool = Buffer.allocUnsafeSlow(4096)
let poolUsed = pool.length

/** The same random bytes are never given twice, and do not stay here. */
export function randomBuffer(size: number): Buffer {
  const bytes = Buffer.allocUnsafe(size)
  if (size > pool.length) {
    sodium.randombytes_buf(bytes)
    return bytes
  }

  if (poolUsed + size > pool.length) {
    sodium.randombytes_buf(pool)
    poolUsed = 0
  }
  pool.copy(bytes, 0, poolUsed, poolUsed + size)
  pool.fill(0, poolUsed, poolUsed + size)
  poolUsed += size
  return bytes
}

/** XChaCha20-Poly1305 (IETF): `ciphertext` is the message and its tag, `tagSize` bytes longer. */
export function seal(
  ciphertext: Uint8Array,
  message: Uint8Array,
  associatedData: Uint8Array,
  nonce: Uint8Array,
  key: Uint8Array
): void {
  sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(
    ciphertext,
    message,
    associatedData,
    null,
    nonce,
    key
  )
}

/** False if anything is not what was sealed; `message` is then not to be used. */
export function open(
  message: Uint8Array,
  ciphertext: Uint8Array,
  associatedData: Uint8Array,
  nonce: Uint8Array,
  key: Uint8Array
): boolean {
  try {
    sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(
      message,
      null,
      ciphertext,
      associatedData,
      nonce,
      key
    )
    return true
  } catch {
    // The sizes were asserted by the caller: what is left to fail is the tag.
    return false
  }
}
