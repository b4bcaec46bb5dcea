/**
 * Superblock: the file that says which store and which volume a directory is.
 *
 *     offset  size  field
 *          0     8  magic           "R2DVOLUM"
 *          8     4  version         1
 *         12     4  volume number   at least 1
 *         16    16  store id
 *         32    16  volume id
 *         48     8  created         milliseconds since the epoch
 *         56     4  reserved        zero
 *         60     4  checksum        CRC-32 of bytes [0, 60)
 *
 * Integers are little-endian. Written once, when the volume is made. A directory whose superblock names another
 * store or volume is refused: extents of two stores never share a directory.
 *
 * docs/format.md#superblock
 */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { randomBuffer } from '../crypto/sodium.ts'
import { R2dError } from '../errors.ts'
import { errnoOf, nodeFiles, type FileSystem } from '../file.ts'
import type { FormatFault } from './format-fault.ts'

const superblockSize = 64
export const superblockName = 'superblock'
/** The folder of a volume that its segments are in. */
export const segmentsName = 'segments'

const magic = Buffer.from('R2DVOLUM', 'latin1')
const version = 1

export interface Superblock {
  /** 16 bytes. */
  storeId: Buffer
  /** 16 bytes. */
  volumeId: Buffer
  number: number
  /** Milliseconds since the epoch. */
  created: number
}

export type DecodedSuperblock =
  { superblock: Superblock; fault?: never } | { superblock?: never; fault: FormatFault }

export function encodeSuperblock({ storeId, volumeId, number, created }: Superblock): Buffer {
  assert(storeId.length === 16)
  assert(volumeId.length === 16)
  assert(number >= 1)

  const bytes = Buffer.alloc(superblockSize)
  magic.copy(bytes)
  bytes.writeUInt32LE(version, 8)
  bytes.writeUInt32LE(number, 12)
  storeId.copy(bytes, 16)
  volumeId.copy(bytes, 32)
  bytes.writeBigUInt64LE(BigInt(created), 48)
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 60)), 60)
  return bytes
}

export function decodeSuperblock(bytes: Buffer): DecodedSuperblock {
  if (bytes.length !== superblockSize) return { fault: 'torn' }
  if (!bytes.subarray(0, 8).equals(magic)) return { fault: 'bad-magic' }
  if (bytes.readUInt32LE(60) !== crc32(bytes.subarray(0, 60))) return { fault: 'bad-checksum' }
  if (bytes.readUInt32LE(8) !== version) return { fault: 'unknown-version' }

  const number = bytes.readUInt32LE(12)
  const created = Number(bytes.readBigUInt64LE(48))
  if (number === 0 || !Number.isSafeInteger(created)) return { fault: 'invalid-field' }
  if (bytes.readUInt32LE(56) !== 0) return { fault: 'invalid-field' }

  return {
    superblock: {
      storeId: Buffer.from(bytes.subarray(16, 32)),
      volumeId: Buffer.from(bytes.subarray(32, 48)),
      number,
      created
    }
  }
}

/**
 * Makes a volume of a directory, durable on return. One that is this store's volume of this number already is left as it
 * is: an earlier attempt was cut short.
 */
export async function createVolume(
  path: string,
  { storeId, number, now = Date.now() }: { storeId: Buffer; number: number; now?: number },
  files: FileSystem = nodeFiles
): Promise<{ id: Buffer }> {
  await files.makeDirectory(join(path, segmentsName))
  const found = await readSuperblock(path, files)
  if (found !== undefined) {
    requireStore(path, found, storeId)
    if (found.number !== number) {
      throw foreign(path, `it is volume ${found.number} of this store, not ${number}`)
    }
    return { id: found.volumeId }
  }

  const volumeId = randomBuffer(16)
  const bytes = encodeSuperblock({ storeId, volumeId, number, created: now })
  await files.replaceWhole(join(path, superblockName), bytes)
  await files.syncDirectory(join(path, '..'))
  return { id: volumeId }
}

/** Whether the directory is a volume of any store. R2D_FOREIGN_VOLUME if it is one that cannot be told. */
export async function hasSuperblock(path: string, files: FileSystem = nodeFiles): Promise<boolean> {
  return (await readSuperblock(path, files)) !== undefined
}

/** R2D_FOREIGN_VOLUME unless the directory is exactly this volume. */
export async function requireVolume(
  path: string,
  expected: { storeId: Buffer; volumeId: Buffer },
  files: FileSystem
): Promise<void> {
  const found = await readSuperblock(path, files)
  if (found === undefined) throw foreign(path, 'it has no superblock')

  requireStore(path, found, expected.storeId)
  if (!found.volumeId.equals(expected.volumeId)) {
    throw foreign(path, `it is volume ${found.number} of this store`)
  }
}

export async function readSuperblock(
  path: string,
  files: FileSystem = nodeFiles
): Promise<Superblock | undefined> {
  let bytes: Buffer
  try {
    bytes = await files.readWhole(join(path, superblockName))
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  }

  const { superblock, fault } = decodeSuperblock(bytes)
  if (fault !== undefined) throw foreign(path, `its superblock is not readable: ${fault}`)
  return superblock
}

function requireStore(path: string, found: Superblock, storeId: Buffer): void {
  if (!found.storeId.equals(storeId)) throw foreign(path, 'it belongs to another store')
}

function foreign(path: string, reason: string): R2dError {
  return new R2dError('R2D_FOREIGN_VOLUME', `${path} is not the volume expected: ${reason}`, {
    hint: 'Mount the disk that belongs there'
  })
}
