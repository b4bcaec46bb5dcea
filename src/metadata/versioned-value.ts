/**
 * What an embedded engine stores for a key: the number of the commit that wrote it, then the value.
 *
 *     8 bytes   commit number, big-endian, at least 1
 *     rest      the value
 *
 * The number is the key's version. The last one given stands in a row of the engine's own, written in every
 * batch, so that numbers grow across restarts and one that was seen never comes back, not for a deleted key either.
 */

import { R2dError } from '../errors.ts'
import {
  absent,
  ConflictError,
  type Batch,
  type Check,
  type Version,
  type Versioned
} from './engine.ts'

const versionSize = 8

/** Below every row of the store; scans of the store's ranges never meet it. */
export const commitNumberKey = Buffer.from('\0commit', 'latin1')

export function encodeVersioned(version: Version, value: Buffer): Buffer {
  const stored = Buffer.allocUnsafe(versionSize + value.length)
  stored.writeBigUInt64BE(BigInt(version), 0)
  value.copy(stored, versionSize)
  return stored
}

/** The value shares memory with `stored`. */
export function decodeVersioned(stored: Buffer): Versioned {
  const version =
    stored.length < versionSize ? 0 : stored.readUInt32BE(0) * 2 ** 32 + stored.readUInt32BE(4)
  if (version === 0 || !Number.isSafeInteger(version)) {
    throw new R2dError('R2D_CORRUPT_RECORD', 'A stored value has no valid version')
  }

  return { value: stored.subarray(versionSize), version }
}

export function encodeCommitNumber(number: Version): Buffer {
  return encodeVersioned(number, Buffer.alloc(0))
}

/** ConflictError unless each checked key has its version; `found` in the order of `checks`. */
export function requireVersions(
  checks: readonly Check[],
  found: readonly (Versioned | undefined)[]
): void {
  for (const [index, { key, version }] of checks.entries()) {
    if ((found[index]?.version ?? absent) !== version) throw new ConflictError(key)
  }
}

/** What a commit writes, as an engine's batch takes it. */
export function toOperations({ puts, deletes }: Batch, number: Version) {
  return [
    ...puts.map(({ key, value }) => ({
      type: 'put' as const,
      key,
      value: encodeVersioned(number, value)
    })),
    ...deletes.map(key => ({ type: 'del' as const, key })),
    { type: 'put' as const, key: commitNumberKey, value: encodeCommitNumber(number) }
  ]
}
