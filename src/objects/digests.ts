/**
 * The digests of a body, all of them in one pass.
 *
 * CRC-32 is zlib's. CRC-32C and CRC-64/NVME have no native code in Node.js: they are computed here by eight bytes a
 * step (slicing-by-8: Kounavis and Berry, "A Systematic Approach to Building High Performance Software-Based CRC
 * Generators", 2005).
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
 */

import { createHash, hash, type Hash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import type { Checksums } from '../metadata/object-record.ts'
import { Crc32c } from './crc32c.ts'
import { Crc64Nvme } from './crc64nvme.ts'
import type { DigestName } from './store.ts'

interface Digest {
  update(chunk: Uint8Array): void
  finish(): Buffer
}

export class Digests {
  readonly #digests: Map<DigestName, Digest>

  constructor(names: readonly DigestName[]) {
    this.#digests = new Map([...new Set(names)].map(name => [name, createDigest(name)]))
  }

  update(chunk: Uint8Array): void {
    for (const digest of this.#digests.values()) digest.update(chunk)
  }

  /** Raw bytes, CRCs big-endian. Called once. */
  finish(): Checksums {
    const checksums: Checksums = {}
    for (const [name, digest] of this.#digests) checksums[name] = digest.finish()
    return checksums
  }
}

/** Of content that is in one piece. Raw bytes, CRCs big-endian. */
export function digestsOf(names: readonly DigestName[], content: Uint8Array): Checksums {
  const checksums: Checksums = {}
  for (const name of new Set(names)) {
    // Where there is a call for the whole, it costs half of what an object costs that is made for it.
    const isHash = name === 'md5' || name === 'sha1' || name === 'sha256'
    checksums[name] = isHash ? hash(name, content, 'buffer') : digestOf(name, content)
  }
  return checksums
}

function digestOf(name: DigestName, content: Uint8Array): Buffer {
  const digest = createDigest(name)
  digest.update(content)
  return digest.finish()
}

function createDigest(name: DigestName): Digest {
  switch (name) {
    case 'md5':
    case 'sha1':
    case 'sha256':
      return new HashDigest(createHash(name))
    case 'crc32':
      return new Crc32()
    case 'crc32c':
      return new Crc32c()
    case 'crc64nvme':
      return new Crc64Nvme()
  }
}

class HashDigest implements Digest {
  readonly #hash: Hash

  constructor(hash: Hash) {
    this.#hash = hash
  }

  update(chunk: Uint8Array): void {
    this.#hash.update(chunk)
  }

  finish(): Buffer {
    return this.#hash.digest()
  }
}

class Crc32 implements Digest {
  #value = 0

  update(chunk: Uint8Array): void {
    this.#value = crc32(chunk, this.#value)
  }

  finish(): Buffer {
    const bytes = Buffer.alloc(4)
    bytes.writeUInt32BE(this.#value)
    return bytes
  }
}
