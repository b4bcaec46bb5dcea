/**
 * The master key on paper and back: what `r2d key export`, `verify` and `import` do, in their own process. The key goes
 * over no socket: whoever prints it has the key file, or what the daemon has it from.
 */

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { loadConfig } from '../src/config.ts'
import type { ControlClient } from '../src/control/client.ts'
import type { KeyStatus } from '../src/control/protocol.ts'
import { masterKeyId } from '../src/crypto/keyring.ts'
import { createMasterKeyFile, hasPassphrase, readMasterKeyText } from '../src/crypto/master-key.ts'
import { formatRecoverySheet, parseRecoverySheet } from '../src/crypto/recovery-sheet.ts'
import { R2dError } from '../src/errors.ts'
import type { Home } from '../src/home.ts'
import { storeKey } from '../src/metadata/keys.ts'
import { decodeStoreRecord } from '../src/metadata/store-record.ts'
import { openKeySource, type KeyVariables } from './key-source.ts'
import { chooseEngine } from './main.ts'
import { openEngine } from './parts.ts'

export { groupCount, isRightGroup } from '../src/crypto/recovery-sheet.ts'

/** Which key opens the store. */
type StoreKeyNames = Pick<KeyStatus, 'storeId' | 'keyId'> & { isRotating: boolean }

export interface ExportedKey {
  storeId: string
  keyId: string
  /** The secret itself, as text to print. */
  sheet: string
}

/** R2D_WRONG_MASTER_KEY if what is at hand here is not the key of the store. */
export async function exportKey(
  home: Home,
  control: ControlClient,
  variables: KeyVariables
): Promise<ExportedKey> {
  const source = openKeySource(home, loadConfig(home).key.command, variables)
  const given = await source.read()
  const names = await readNames(home, control)
  if (names === undefined) throw noStore(home)
  if (names.isRotating) {
    throw new R2dError('R2D_UNAVAILABLE', 'The master key is being rotated', {
      hint: 'Repeat this when r2d key status shows no rotation'
    })
  }

  const key = given.find(each => nameOf(each) === names.keyId)
  if (key === undefined) {
    throw new R2dError(
      'R2D_WRONG_MASTER_KEY',
      'The master key that is given here is not the one of the store',
      {
        hint: 'Give this command the key as the daemon has it'
      }
    )
  }
  const { storeId, keyId } = names
  return { storeId, keyId, sheet: formatRecoverySheet(key, { storeId, keyId, now: Date.now() }) }
}

export interface VerifiedSheet {
  keyId: string
  /** Undefined: there is no store here to compare it with. */
  storeId: string | undefined
}

/** R2D_INTEGRITY, naming the groups, for what is not as it was printed; R2D_WRONG_MASTER_KEY for another store's. */
export async function verifySheet(
  home: Home,
  control: ControlClient,
  sheet: string
): Promise<VerifiedSheet> {
  const keyId = nameOf(readSheet(sheet))
  const names = await readNames(home, control)
  if (names !== undefined && names.keyId !== keyId) throw notOfTheStore(keyId, names)
  return { keyId, storeId: names?.storeId }
}

/** Writes the key file. One that is there stays. */
export async function importKey(
  home: Home,
  control: ControlClient,
  { sheet, passphrase }: { sheet: string; passphrase: string | undefined }
): Promise<VerifiedSheet> {
  const key = readSheet(sheet)
  const verified = await verifySheet(home, control, sheet)
  try {
    await createMasterKeyFile(home.masterKeyFile, passphrase, key)
  } catch (error) {
    if (!existsSync(home.masterKeyFile)) throw error
    throw new R2dError('R2D_INVALID_CONFIG', `There is a master key file: ${home.masterKeyFile}`, {
      hint: 'It was left as it is; move it away if the sheet is to take its place'
    })
  }
  return verified
}

/** Of the file; false also where there is none. */
export async function isFileUnderPassphrase(home: Home): Promise<boolean> {
  const text = await readMasterKeyText(home.masterKeyFile).catch(() => '')
  return hasPassphrase(text)
}

function readSheet(sheet: string): Buffer {
  const reading = parseRecoverySheet(sheet)
  switch (reading.kind) {
    case 'key':
      return reading.key
    case 'faults':
      throw faulty(reading)
    case 'mismatch':
      throw new R2dError(
        'R2D_INTEGRITY',
        'Every group is right by itself, but they are not of one sheet',
        {
          hint: 'Compare them all with the sheet again'
        }
      )
    case 'no-groups':
      throw new R2dError('R2D_INTEGRITY', `A sheet has 14 groups; this has ${reading.found}`, {
        hint: 'Give all of them, in order, with spaces between'
      })
  }
}

function faulty({ wrong, missing }: { wrong: number[]; missing: number[] }): R2dError {
  const parts = [
    ...(wrong.length === 0 ? [] : [`not as printed: group ${wrong.join(', ')}`]),
    ...(missing.length === 0 ? [] : [`missing: group ${missing.join(', ')}`])
  ]
  return new R2dError('R2D_INTEGRITY', `The sheet does not read right; ${parts.join('; ')}`, {
    hint: 'Type those again'
  })
}

/** From the daemon, or else from the metadata, for which no key is needed. Undefined if there is no store. */
async function readNames(home: Home, control: ControlClient): Promise<StoreKeyNames | undefined> {
  try {
    const { storeId, keyId, rotation } = await control.key()
    return { storeId, keyId, isRotating: rotation !== undefined }
  } catch (error) {
    if (!(error instanceof R2dError && error.code === 'R2D_UNREACHABLE')) throw error
  }

  const name = await chooseEngine(home, loadConfig(home).metadata.engine)
  const path = join(home.metadata, name)
  if (!existsSync(path)) return undefined
  const engine = await openEngine({ engine: name, path, handle: undefined })
  try {
    const row = await engine.get(storeKey())
    if (row === undefined) return undefined
    const { id, key, next } = decodeStoreRecord(row.value)
    return {
      storeId: id.toString('hex'),
      keyId: key.id.toString('hex'),
      isRotating: next !== undefined
    }
  } finally {
    await engine[Symbol.asyncDispose]()
  }
}

function nameOf(key: Buffer): string {
  return masterKeyId(key).toString('hex')
}

function noStore({ path }: Home): R2dError {
  return new R2dError('R2D_NO_MASTER_KEY', `There is no store in ${path}`, {
    hint: 'Give its home with --home or R2D_HOME'
  })
}

function notOfTheStore(keyId: string, names: StoreKeyNames): R2dError {
  return new R2dError(
    'R2D_WRONG_MASTER_KEY',
    `The sheet reads right, and is of key ${keyId}; the store has ${names.keyId}`,
    {
      hint: 'Look for the sheet of that key: the store may have been given a new one since this was printed'
    }
  )
}
