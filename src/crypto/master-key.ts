/**
 * The master key: the one secret from which every other key of a store is opened.
 *
 *     r2d-master-key-1:<48 characters>
 *         base64url of the 32 bytes of the key and the first 4 of its SHA-256
 *
 *     r2d-master-key-argon2id-1:<operations>:<memory KiB>:<salt>:<sealed>
 *         the key sealed under one that Argon2id derives from a passphrase; salt (16 bytes) and sealed in base64url
 *
 * One line of text, in a file that only its owner can read, or handed over in the environment or by a command. Changing the
 * passphrase writes this line again and nothing else. While a store's key is being rotated there are two of them, with white
 * space between: the one that is wanted first, then the one before it.
 *
 * Argon2id: RFC 9106.
 */

import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { link, mkdir, readFile, stat, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import { R2dError } from '../errors.ts'
import { errnoOf, nodeFiles } from '../file.ts'
import { newKey, openSecret, sealSecret } from './key-wrap.ts'
import { keySize, randomBuffer, sodium } from './sodium.ts'

const plainLabel = 'r2d-master-key-1'
const passphraseLabel = 'r2d-master-key-argon2id-1'
const checkSize = 4
const saltSize = 16
/** One, and the one before it. */
const keyCountMax = 2

/** libsodium's "moderate": some 0.7 s and 256 MiB for each guess. */
const moderateOperations = 3
const moderateMemoryKiB = 256 * 1024
/** What a file may ask for: enough for any release of this one, not enough to exhaust the machine. */
const operationsMax = 64
const memoryKiBMax = 4 * 1024 * 1024

export interface PassphraseCost {
  operations: number
  memoryKiB: number
}

export function formatMasterKey(key: Buffer): string {
  assert(key.length === keySize)
  return `${plainLabel}:${Buffer.concat([key, checkOf(key)]).toString('base64url')}\n`
}

export function sealMasterKey(
  key: Buffer,
  passphrase: string,
  cost: PassphraseCost = { operations: moderateOperations, memoryKiB: moderateMemoryKiB }
): string {
  assert(key.length === keySize)
  const salt = randomBuffer(saltSize)
  const derived = derive(passphrase, salt, cost)
  const sealed = sealSecret(derived, 'master', salt, key)

  const fields = [
    cost.operations,
    cost.memoryKiB,
    salt.toString('base64url'),
    sealed.toString('base64url')
  ]
  return `${passphraseLabel}:${fields.join(':')}\n`
}

/** R2D_NO_MASTER_KEY for what is not one, R2D_WRONG_MASTER_KEY for a passphrase that does not open it. */
export function parseMasterKey(text: string, passphrase?: string): Buffer {
  const [label = '', ...fields] = text.trim().split(':')
  if (label === plainLabel && fields.length === 1) return parsePlain(fields[0] ?? '')
  if (label === passphraseLabel && fields.length === 4) return parseSealed(fields, passphrase)

  throw malformed()
}

/** As `parseMasterKey`, for what may hold two different ones. */
export function parseMasterKeys(text: string, passphrase?: string): Buffer[] {
  const lines = text.trim().split(/\s+/)
  if (lines.length > keyCountMax) throw malformed()
  const keys = lines.map(line => parseMasterKey(line, passphrase))
  const [first, second] = keys

  return first !== undefined && second?.equals(first) === true ? [first] : keys
}

export function hasPassphrase(text: string): boolean {
  return text.trimStart().startsWith(`${passphraseLabel}:`)
}

/** In place of the file that is there; durable on return. */
export async function writeMasterKeyFile(
  path: string,
  keys: readonly Buffer[],
  passphrase?: string
): Promise<void> {
  assert(keys.length >= 1)
  assert(keys.length <= keyCountMax)
  const text = keys.map(key => formatWith(key, passphrase)).join('')
  await nodeFiles.replaceWhole(path, Buffer.from(text))
}

function formatWith(key: Buffer, passphrase: string | undefined): string {
  return passphrase === undefined ? formatMasterKey(key) : sealMasterKey(key, passphrase)
}

/** A key, new unless it is given, in a new file, durable on return; the file that is there stays. */
export async function createMasterKeyFile(
  path: string,
  passphrase?: string,
  key = newKey()
): Promise<Buffer> {
  const text = formatWith(key, passphrase)
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  await linkNew(path, Buffer.from(text))
  return key
}

/** Whole under its name or not there: written beside, synced, then linked, which fails if there is one. */
async function linkNew(path: string, content: Buffer): Promise<void> {
  const beside = `${path}.${process.pid}.new`
  await nodeFiles.replaceWhole(beside, content)
  try {
    await link(beside, path)
  } finally {
    await unlink(beside)
  }
  await nodeFiles.syncDirectory(dirname(path))
}

/** The text of the file. R2D_NO_MASTER_KEY if there is none, or others can read it. */
export async function readMasterKeyText(path: string): Promise<string> {
  try {
    const { mode } = await stat(path)
    if ((mode & 0o077) !== 0) {
      throw new R2dError('R2D_NO_MASTER_KEY', `The master key file ${path} can be read by others`, {
        hint: `Run: chmod 600 ${path}`
      })
    }
    return await readFile(path, 'utf8')
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error
    throw new R2dError('R2D_NO_MASTER_KEY', `There is no master key file ${path}`, {
      hint: 'Put it back: r2d key import types it in from a recovery sheet; or set R2D_MASTER_KEY'
    })
  }
}

/** The key that is wanted first. */
export async function readMasterKeyFile(path: string, passphrase?: string): Promise<Buffer[]> {
  return parseMasterKeys(await readMasterKeyText(path), passphrase)
}

function parsePlain(field: string): Buffer {
  const bytes = Buffer.from(field, 'base64url')
  const key = bytes.subarray(0, keySize)
  const isWhole = bytes.length === keySize + checkSize && bytes.toString('base64url') === field
  if (!isWhole || !bytes.subarray(keySize).equals(checkOf(key))) throw malformed()

  return Buffer.from(key)
}

function parseSealed(fields: readonly string[], passphrase: string | undefined): Buffer {
  const [operations, memoryKiB] = [Number(fields[0]), Number(fields[1])]
  const [salt, sealed] = [
    Buffer.from(fields[2] ?? '', 'base64url'),
    Buffer.from(fields[3] ?? '', 'base64url')
  ]
  const isAllowed =
    Number.isInteger(operations) &&
    Number.isInteger(memoryKiB) &&
    operations >= 1 &&
    operations <= operationsMax &&
    memoryKiB >= 8 &&
    memoryKiB <= memoryKiBMax
  if (!isAllowed || salt.length !== saltSize) throw malformed()
  if (passphrase === undefined) {
    throw new R2dError('R2D_NO_MASTER_KEY', 'The master key is protected by a passphrase', {
      hint: 'Set R2D_PASSPHRASE, or R2D_PASSPHRASE_FILE to a file that holds it'
    })
  }

  const derived = derive(passphrase, salt, { operations, memoryKiB })
  const key = openSecret(derived, 'master', salt, sealed)
  if (key?.length !== keySize) {
    throw new R2dError('R2D_WRONG_MASTER_KEY', 'The passphrase does not open the master key', {
      hint: 'Check the passphrase; nothing was changed'
    })
  }
  return key
}

function derive(
  passphrase: string,
  salt: Buffer,
  { operations, memoryKiB }: PassphraseCost
): Buffer {
  const derived = Buffer.alloc(keySize)
  const password = Buffer.from(passphrase.normalize('NFC'))
  sodium.crypto_pwhash(
    derived,
    password,
    salt,
    operations,
    memoryKiB * 1024,
    sodium.crypto_pwhash_ALG_ARGON2ID13
  )
  return derived
}

function checkOf(key: Buffer): Buffer {
  return hash('sha256', key, 'buffer').subarray(0, checkSize)
}

/** Says nothing of what was there: it may be most of a key. */
function malformed(): R2dError {
  return new R2dError('R2D_NO_MASTER_KEY', 'What was given as the master key is not one', {
    hint: `A master key is one line that begins with ${plainLabel} or ${passphraseLabel}`
  })
}
