/**
 * Where the store's master key is kept: a file in the home directory, or else a variable or a command of its owner's.
 *
 * A source holds one key, or two: the one that is wanted, then the one before it, while what is wrapped under that one is
 * being rewrapped. Only the file is written here; what a variable or a command gives is for its owner to change.
 */

import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import {
  createMasterKeyFile,
  hasPassphrase,
  parseMasterKeys,
  readMasterKeyFile,
  readMasterKeyText,
  writeMasterKeyFile
} from '../src/crypto/master-key.ts'
import { R2dError } from '../src/errors.ts'

/** For what a person or a password manager may have to do first. */
const commandTimeoutMs = 60_000
const commandOutputSizeMax = 64 * 1024

export interface KeySource {
  kind: 'file' | 'environment' | 'command'
  /** One or two; the one that is wanted first. */
  read: () => Promise<Buffer[]>
  /** The key for a new store: the one that is there, or else a new one. */
  make: () => Promise<Buffer>
  file: KeyFile | undefined
}

export interface KeyFile {
  path: string
  isUnderPassphrase: () => Promise<boolean>
  /** Replaces what is in it, under the passphrase that it is under; durable on return. */
  write: (keys: readonly Buffer[]) => Promise<void>
  /** Puts it under another passphrase, or under none. R2D_WRONG_MASTER_KEY if `current` does not open it. */
  changePassphrase: (current: string | undefined, next: string | undefined) => Promise<void>
}

export interface KeyVariables {
  masterKey: string | undefined
  passphrase: string | undefined
}

/**
 * What the environment holds. The variables are taken out of it, so that nothing that is started from here inherits them.
 */
export function takeKeyVariables(): KeyVariables {
  const masterKey = takeVariable('R2D_MASTER_KEY')
  const passphraseFile = takeVariable('R2D_PASSPHRASE_FILE')
  const passphrase =
    takeVariable('R2D_PASSPHRASE') ??
    (passphraseFile === undefined ? undefined : readPassphraseFile(passphraseFile))

  return { masterKey, passphrase }
}

/** `command`: empty if there is none. */
export function openKeySource(
  { masterKeyFile: path }: { masterKeyFile: string },
  command: string,
  { masterKey, passphrase }: KeyVariables
): KeySource {
  if (masterKey !== undefined) {
    const read = async (): Promise<Buffer[]> =>
      Promise.resolve(parseMasterKeys(masterKey, passphrase))
    return { kind: 'environment', read, make: () => first(read), file: undefined }
  }
  if (command !== '') {
    const read = async (): Promise<Buffer[]> => parseMasterKeys(await outputOf(command), passphrase)
    return { kind: 'command', read, make: () => first(read), file: undefined }
  }

  return openKeyFile(path, passphrase)
}

function openKeyFile(path: string, given: string | undefined): KeySource {
  let passphrase = given
  const read = (): Promise<Buffer[]> => readMasterKeyFile(path, passphrase)
  const isUnderPassphrase = async (): Promise<boolean> =>
    hasPassphrase(await readMasterKeyText(path))

  const file: KeyFile = {
    path,
    isUnderPassphrase,
    write: async keys => {
      // One that was given for a file that needs none is no reason to put the file under it. A file that somebody took
      // away is written all the same: it may be the only place of the key.
      const isUnder = await isUnderPassphrase().catch(() => passphrase !== undefined)
      await writeMasterKeyFile(path, keys, isUnder ? passphrase : undefined)
    },
    changePassphrase: async (current, next) => {
      const keys = await readMasterKeyFile(path, current)
      await writeMasterKeyFile(path, keys, next)
      passphrase = next
    }
  }
  const make = (): Promise<Buffer> =>
    existsSync(path) ? first(read) : createMasterKeyFile(path, passphrase)
  return { kind: 'file', read, make, file }
}

async function first(read: () => Promise<Buffer[]>): Promise<Buffer> {
  const [key] = await read()
  if (key !== undefined) return key

  throw new TypeError('A source has a key')
}

function takeVariable(name: string): string | undefined {
  const value = process.env[name]
  Reflect.deleteProperty(process.env, name)
  return value === '' ? undefined : value
}

function readPassphraseFile(path: string): string {
  try {
    return readFileSync(path, 'utf8').replace(/\r?\n$/, '')
  } catch (error) {
    throw new R2dError('R2D_NO_MASTER_KEY', `The passphrase file ${path} cannot be read`, {
      cause: error
    })
  }
}

/** What it says on standard error goes where the daemon's own does; what it prints goes nowhere but here. */
function outputOf(command: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile(
      '/bin/sh',
      ['-c', command],
      { timeout: commandTimeoutMs, maxBuffer: commandOutputSizeMax, encoding: 'utf8' },
      (error, stdout) => {
        if (error === null) resolve(stdout)
        else reject(commandFailed(child.exitCode))
      }
    )
    child.stderr?.pipe(process.stderr)
    child.stdin?.end()
  })
}

/** Without the error as its cause: that one holds the output. */
function commandFailed(exitCode: number | null): R2dError {
  const how = exitCode === null ? 'was ended' : `ended with code ${exitCode}`

  return new R2dError('R2D_NO_MASTER_KEY', `The command that gives the master key ${how}`, {
    hint: 'Run it by hand (key.command, or R2D_MASTER_KEY_COMMAND): it prints the key and nothing else'
  })
}
