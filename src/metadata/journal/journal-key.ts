/**
 * The journal's key: random, wrapped under the master key, in a small file beside the journal on every volume.
 *
 *     journal/<key id, 32 hex digits>-<master key's fingerprint, 8 hex digits>.key
 *
 *     offset  size  field
 *          0     8  magic           "R2DJKEYW"
 *          8     4  version         1
 *         12     4  reserved        zero
 *         16    16  store id
 *         32    16  key id
 *         48     8  created         milliseconds since the epoch
 *         56    48  wrapped key     purpose journal, id the key's
 *        104    20  reserved        zero
 *        124     4  checksum        CRC-32 of bytes [0, 124)
 *
 * The fingerprint keeps wrappings under two master keys apart, so that a new master key is brought in without a moment at which
 * neither opens the journal: `wrapJournalKeys` adds wrappings, the store goes over, `dropJournalKeyWrappings` takes the
 * old ones away. No record of the journal is written again for it.
 *
 * docs/format.md#journal-key
 */

import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { newId, newKey, unwrapKey, wrapKey, wrappedKeySize } from '../../crypto/key-wrap.ts'
import { errnoOf, type FileSystem } from '../../file.ts'
import { readNumber, writeNumber } from './sealed-record.ts'

/** The folder of a volume that the journal and its key are in. */
export const journalFolder = 'journal'

const keyFileSize = 128
const magic = 'R2DJKEYW'
const version = 1
const namePattern = /^[0-9a-f]{32}-[0-9a-f]{8}\.key$/

export interface JournalKey {
  /** 16 bytes. */
  id: Buffer
  /** 32 bytes. */
  key: Buffer
  /** Milliseconds since the epoch. */
  created: number
}

export interface WrappedJournalKey {
  /** 16 bytes each. */
  storeId: Buffer
  id: Buffer
  created: number
  wrapped: Buffer
}

export function encodeJournalKey({ storeId, id, created, wrapped }: WrappedJournalKey): Buffer {
  assert(storeId.length === 16)
  assert(id.length === 16)
  assert(wrapped.length === wrappedKeySize)

  const bytes = Buffer.alloc(keyFileSize)
  bytes.write(magic, 'latin1')
  bytes.writeUInt32LE(version, 8)
  storeId.copy(bytes, 16)
  id.copy(bytes, 32)
  writeNumber(bytes, created, 48)
  wrapped.copy(bytes, 56)
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 124)), 124)
  return bytes
}

/** Undefined for what is damaged, cut short, or of a later release: another volume has it, too. */
export function decodeJournalKey(bytes: Buffer): WrappedJournalKey | undefined {
  if (bytes.length !== keyFileSize) return undefined
  if (bytes.toString('latin1', 0, 8) !== magic) return undefined
  if (bytes.readUInt32LE(124) !== crc32(bytes.subarray(0, 124))) return undefined
  if (bytes.readUInt32LE(8) !== version || bytes.readUInt32LE(12) !== 0) return undefined
  const created = readNumber(bytes, 48)
  if (created === undefined || bytes.subarray(104, 124).some(byte => byte !== 0)) return undefined

  return {
    storeId: Buffer.from(bytes.subarray(16, 32)),
    id: Buffer.from(bytes.subarray(32, 48)),
    created,
    wrapped: Buffer.from(bytes.subarray(56, 56 + wrappedKeySize))
  }
}

/** Every key that some volume has and one of the master keys opens, the newest first. */
export async function readJournalKeys(
  volumePaths: readonly string[],
  { storeId, masterKeys }: { storeId: Buffer; masterKeys: readonly Buffer[] },
  files: FileSystem
): Promise<JournalKey[]> {
  const found = new Map<string, JournalKey>()
  for (const path of volumePaths) {
    for (const { content } of await readKeyFiles(path, files)) {
      const record = decodeJournalKey(content)
      if (record?.storeId.equals(storeId) !== true) continue
      const { id, wrapped } = record
      const [key] = masterKeys.flatMap(each => unwrapKey(each, 'journal', id, wrapped) ?? [])
      if (key === undefined) continue
      found.set(record.id.toString('hex'), { id: record.id, key, created: record.created })
    }
  }
  return [...found.values()].sort((a, b) => b.created - a.created)
}

/** Whether some volume has a key of the journal, whichever master key opens it. */
export async function hasJournalKey(
  volumePaths: readonly string[],
  files: FileSystem
): Promise<boolean> {
  for (const path of volumePaths) {
    const found = await readKeyFiles(path, files)
    if (found.some(({ content }) => decodeJournalKey(content) !== undefined)) return true
  }
  return false
}

/**
 * Puts the key on a volume, durable on return. Whoever writes a journal file or a snapshot has called it for that volume:
 * what nobody can open is no copy.
 */
export async function placeJournalKey(
  volumePath: string,
  { id, key, created }: JournalKey,
  { storeId, masterKey }: { storeId: Buffer; masterKey: Buffer },
  files: FileSystem
): Promise<void> {
  const folder = join(volumePath, journalFolder)
  const wrapped = wrapKey(masterKey, 'journal', id, key)
  const content = encodeJournalKey({ storeId, id, created, wrapped })
  const path = join(folder, nameOf(id, masterKey))
  const current = await readIfThere(path, files)
  if (current?.equals(content) === true) return

  await files.makeDirectory(folder)
  await files.replaceWhole(path, content)
  await files.syncDirectory(volumePath)
}

export function newJournalKey(now: number): JournalKey {
  return { id: newId(), key: newKey(), created: now }
}

/**
 * Every key of the journal has a wrapping under `to` on the volumes, besides one under `from`; durable on return. A volume
 * that fails does without; rejects if every one does.
 */
export async function wrapJournalKeys(
  volumePaths: readonly string[],
  { storeId, from, to }: { storeId: Buffer; from: Buffer; to: Buffer },
  files: FileSystem
): Promise<void> {
  const keys = await readJournalKeys(volumePaths, { storeId, masterKeys: [from, to] }, files)
  for (const key of keys) {
    const placed = await Promise.allSettled(
      volumePaths.map(path => placeJournalKey(path, key, { storeId, masterKey: to }, files))
    )
    const failed = placed.find(outcome => outcome.status === 'rejected')
    if (failed !== undefined && placed.every(({ status }) => status === 'rejected'))
      throw failed.reason
  }
}

/** Takes away every wrapping under other master keys. */
export async function dropJournalKeyWrappings(
  volumePaths: readonly string[],
  keep: readonly Buffer[],
  files: FileSystem
): Promise<void> {
  const suffixes = keep.map(each => `-${fingerprint(each)}.key`)
  for (const path of volumePaths) {
    const others = (await readKeyFiles(path, files)).filter(
      ({ name }) => !suffixes.some(suffix => name.endsWith(suffix))
    )
    for (const { name } of others) await files.remove(join(path, journalFolder, name))
    if (others.length > 0) await files.syncDirectory(join(path, journalFolder))
  }
}

function nameOf(id: Buffer, masterKey: Buffer): string {
  return `${id.toString('hex')}-${fingerprint(masterKey)}.key`
}

function fingerprint(masterKey: Buffer): string {
  return hash(
    'sha256',
    Buffer.concat([Buffer.from('r2d journal key 1\0'), masterKey]),
    'hex'
  ).slice(0, 8)
}

/** What cannot be read is not there: the other volumes have it. */
async function readKeyFiles(
  volumePath: string,
  files: FileSystem
): Promise<{ name: string; content: Buffer }[]> {
  const folder = join(volumePath, journalFolder)
  const names = await files.list(folder).catch(() => [])
  const found: { name: string; content: Buffer }[] = []
  for (const name of names.filter(each => namePattern.test(each)).sort()) {
    const content = await files.readWhole(join(folder, name)).catch(() => undefined)
    if (content !== undefined) found.push({ name, content })
  }
  return found
}

async function readIfThere(path: string, files: FileSystem): Promise<Buffer | undefined> {
  try {
    return await files.readWhole(path)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  }
}
