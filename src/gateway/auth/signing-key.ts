/**
 * HMAC-SHA256 under a key that many requests are signed with: RFC 2104 over the one-shot hash.
 *
 * An Hmac object of node:crypto costs three times the hashing that it does here. The key's two padded blocks are
 * prepared once, and each signature is two hashes. Bytes go through scratch memory of the thread, because it is all synchronous.
 *
 * https://www.rfc-editor.org/rfc/rfc2104
 */

import { createHmac, hash, timingSafeEqual } from 'node:crypto'

const blockSize = 64
const digestSize = 32
/** Texts are some 150 bytes; a longer one gets memory of its own. */
const scratch = Buffer.alloc(blockSize + 1024)
const outer = Buffer.alloc(blockSize + digestSize)
const expected = Buffer.alloc(digestSize)
const given = Buffer.alloc(digestSize)

export class SigningKey {
  readonly #innerBlock = Buffer.alloc(blockSize, 0x36)
  readonly #outerBlock = Buffer.alloc(blockSize, 0x5c)

  /** `bytes`: at most 64. */
  constructor(bytes: Uint8Array) {
    if (bytes.length > blockSize) throw new RangeError('A longer key would have to be hashed first')
    for (const [index, byte] of bytes.entries()) {
      this.#innerBlock[index] = byte ^ 0x36
      this.#outerBlock[index] = byte ^ 0x5c
    }
  }

  /** AWS Signature Version 4's key of a day, region and service. */
  static derive(secret: string, date: string, region: string, service: string): SigningKey {
    const bytes = [date, region, service, 'aws4_request'].reduce<Buffer>(
      (derived, part) => createHmac('sha256', derived).update(part).digest(),
      Buffer.from(`AWS4${secret}`)
    )
    return new SigningKey(bytes)
  }

  /** 64 hex digits. */
  sign(text: string): string {
    const sizeMax = blockSize + 3 * text.length
    const message = sizeMax > scratch.length ? Buffer.alloc(sizeMax) : scratch
    message.set(this.#innerBlock)
    const size = blockSize + message.write(text, blockSize, 'utf8')

    outer.set(this.#outerBlock)
    outer.write(hash('sha256', message.subarray(0, size)), blockSize, 'hex')
    return hash('sha256', outer)
  }

  /** Whether `signature` is that of `text`, in a time that says nothing about where they differ. */
  isSignature(text: string, signature: string): boolean {
    // Exactly the digits: decoding would pass over what stands behind them.
    if (!/^[0-9a-f]{64}$/.test(signature)) return false

    expected.write(this.sign(text), 'hex')
    given.write(signature, 'hex')
    return timingSafeEqual(expected, given)
  }
}
