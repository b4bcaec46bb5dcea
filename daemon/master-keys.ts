/**
 * The store's master key while the store is open: what is known of it, its rotation, and its passphrase.
 *
 * A rotation keeps both keys where the store's key is kept until nothing needs the old one (src/objects/rotate-master-key.ts
 * has the steps). For a key file:
 *
 *     file: old, new -> begin -> file: new, old -> rewrap -> finish -> file: new
 *
 * So the first key of a source is the one that is wanted, and what to do with a source of two keys follows from the
 * store's row: it names both: go on; it names the first: the second is of no use any more (a rotation that was finished, or one
 * that was not begun); it names the second: rotate to the first.
 */

import { AssertionError } from 'node:assert'
import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from 'pino'
import { newKey } from '../src/crypto/key-wrap.ts'
import { masterKeyId, type Keyring, type MasterKey } from '../src/crypto/keyring.ts'
import { R2dError } from '../src/errors.ts'
import type { KeyStatus } from '../src/control/protocol.ts'
import type { Committer } from '../src/metadata/committer.ts'
import { storeKey } from '../src/metadata/keys.ts'
import { decodeStoreRecord, type StoreRecord } from '../src/metadata/store-record.ts'
import type { MetadataReader } from '../src/objects/context.ts'
import { carryOutKeyRotation, describeMasterKey } from '../src/objects/rotate-master-key.ts'
import type { KeySource } from './key-source.ts'

/** After a step that failed, milliseconds. */
const retryMs = 1_000

export interface JournalWrappings {
  /** Under both. */
  wrap: (from: Buffer, to: Buffer) => Promise<void>
  /** Under these only. */
  keep: (keys: readonly Buffer[]) => Promise<void>
}

export interface MasterKeysOptions {
  metadata: MetadataReader
  committer: Pick<Committer, 'mutate'>
  keyring: Keyring
  source: KeySource
  /** The journal's own key, which is wrapped on the volumes, not in a row. */
  journal: JournalWrappings
  log: Pick<Logger, 'info' | 'warn' | 'error'>
  /** A bug: the process is to stop. */
  onFatal: (error: Error) => void
}

export class MasterKeys {
  readonly #options: MasterKeysOptions
  readonly #stopping = new AbortController()
  /** One change of the source at a time. */
  #turn: Promise<unknown> = Promise.resolve()
  #running: Promise<void> = Promise.resolve()
  #progress: { rows: number; problem: string | undefined } | undefined

  private constructor(options: MasterKeysOptions) {
    this.#options = options
  }

  /** Goes on with what was under way, in the background. */
  static async start(options: MasterKeysOptions): Promise<MasterKeys> {
    const masterKeys = new MasterKeys(options)
    await options.journal
      .keep(options.keyring.keys.map(({ key }) => key))
      .catch((error: unknown) => {
        options.log.error(
          { error: reasonOf(error) },
          "the journal's old wrappings could not be taken away"
        )
      })
    await masterKeys.#inTurn(() => masterKeys.#settle())
    return masterKeys
  }

  async status(): Promise<KeyStatus> {
    const { source } = this.#options
    const { id, key, next } = await this.#record()
    const isUnderPassphrase = await source.file?.isUnderPassphrase()

    return {
      storeId: id.toString('hex'),
      source: source.kind,
      ...(source.file === undefined ? {} : { path: source.file.path }),
      ...(isUnderPassphrase === undefined ? {} : { isUnderPassphrase }),
      keyId: key.id.toString('hex'),
      since: new Date(key.since).toISOString(),
      ...(next === undefined
        ? {}
        : {
            rotation: {
              keyId: next.id.toString('hex'),
              since: new Date(next.since).toISOString(),
              rows: this.#progress?.rows ?? 0,
              ...(this.#progress?.problem === undefined ? {} : { problem: this.#progress.problem })
            }
          })
    }
  }

  /** Resolves once the rotation is begun and will be carried out, by this process or the next. */
  async rotate(): Promise<KeyStatus> {
    // One that has just finished has the old key still to take away.
    while (!(await this.#inTurn(() => this.#rotateOnce()))) await this.#running
    return this.status()
  }

  /** False if the one before is not quite done. */
  async #rotateOnce(): Promise<boolean> {
    if ((await this.#record()).next !== undefined) return true
    if (this.#progress !== undefined) return false
    await this.#begin(await this.#prepareNext())
    return true
  }

  /** Resolves when no rotation is under way in this process. */
  async idle(): Promise<void> {
    await this.#running
  }

  /** Undefined is none. R2D_WRONG_MASTER_KEY if `current` is not the passphrase. */
  async changePassphrase(current: string | undefined, next: string | undefined): Promise<void> {
    await this.#inTurn(async () => {
      const { source, log } = this.#options
      if (source.file === undefined) throw notAFile(source.kind)
      await source.file.changePassphrase(current, next)
      log.info(
        { isUnderPassphrase: next !== undefined },
        'the passphrase of the master key was changed'
      )
    })
  }

  /** The step that is under way is done on return; what is left is done after the next start. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#running
    await this.#turn
  }

  /** What is to be done with what the source holds at the start. */
  async #settle(): Promise<void> {
    const { source, keyring, log } = this.#options
    if (keyring.keys.length === 2) {
      this.#run()
      return
    }

    const [wanted, second] = await source.read()
    if (wanted === undefined || second === undefined) return
    if (!wanted.equals(keyring.current.key)) await this.#begin(wanted)
    else if (source.file !== undefined) await source.file.write([wanted])
    else
      log.info(
        { source: source.kind },
        'the second master key that was given is not needed any more'
      )
  }

  async #begin(next: Buffer): Promise<void> {
    const { committer, keyring } = this.#options
    const { id } = await this.#record()
    const [, other] = keyring.keys
    // Of an attempt that failed, with an outcome that nobody knows.
    if (other !== undefined && !other.key.equals(next)) keyring.drop()
    if (keyring.keys.length === 1) keyring.add(next)

    const description = describeMasterKey(next, id, Date.now())
    try {
      await committer.mutate('beginKeyRotation', { next: description })
    } catch (error) {
      if ((await this.#record()).next?.id.equals(description.id) !== true) throw error
    }
    keyring.swap()
    this.#run()
  }

  /** The key to rotate to, durable where the store's key is kept, or said by its owner. */
  async #prepareNext(): Promise<Buffer> {
    const { source, keyring } = this.#options
    if (source.kind === 'environment') throw notOurs(source.kind)
    const { key: current } = keyring.current
    const [wanted, second] = await source.read()
    if (source.file === undefined) {
      if (wanted === undefined || wanted.equals(current) || second?.equals(current) !== true)
        throw notOurs(source.kind)
      return wanted
    }

    if (wanted?.equals(current) !== true) {
      throw new R2dError(
        'R2D_WRONG_MASTER_KEY',
        `${source.file.path} holds another key than is in use`,
        {
          hint: 'Put the key back that the daemon was started with; nothing was changed'
        }
      )
    }
    // Of an attempt whose outcome nobody knows: the store may name it after a restart. What is only in the file is an old one.
    const [, attempted] = keyring.keys
    const next = attempted?.key ?? newKey()
    await source.file.write([current, next])
    return next
  }

  #run(): void {
    const [to, from] = this.#options.keyring.keys
    if (to === undefined || from === undefined) throw new TypeError('A rotation has two keys')

    const { log, onFatal } = this.#options
    this.#progress = { rows: 0, problem: undefined }
    log.info({ from: nameOf(from), to: nameOf(to) }, 'the master key is being rotated')
    this.#running = this.#carryOut(from, to).catch((error: unknown) => {
      onFatal(error instanceof Error ? error : new Error(String(error)))
    })
  }

  async #carryOut(from: MasterKey, to: MasterKey): Promise<void> {
    const { keyring, log, source } = this.#options
    const { signal } = this.#stopping
    while (!(await this.#attempt(from, to))) {
      if (signal.aborted) return
      await delay(retryMs, undefined, { signal }).catch(() => undefined)
    }

    keyring.drop()
    await this.#options.journal.keep([to.key]).catch((error: unknown) => {
      // They open with a key that is gone: the next start takes them away.
      log.error({ error: reasonOf(error) }, "the journal's old wrappings could not be taken away")
    })
    await this.#inTurn(async () => source.file?.write([to.key])).catch((error: unknown) => {
      // Both keys are in it: the next start, or the next change, takes the old one out.
      log.error({ error: reasonOf(error) }, 'the old master key could not be taken out of its file')
    })
    this.#progress = undefined
    log.info(
      { key: nameOf(to) },
      'the master key was rotated: nothing is left under the one before it'
    )
  }

  /** Whether the rotation is finished. */
  async #attempt(from: MasterKey, to: MasterKey): Promise<boolean> {
    const { metadata, committer, source, log } = this.#options
    const { signal } = this.#stopping
    try {
      // An attempt before this one may have finished without being told.
      const { key, next } = await this.#record()
      if (next === undefined && key.id.equals(to.id)) return true

      await this.#inTurn(async () => source.file?.write([to.key, from.key]))
      await this.#options.journal.wrap(from.key, to.key)
      return await carryOutKeyRotation({
        metadata,
        committer,
        from: from.key,
        to: to.key,
        signal,
        onStep: count => {
          if (this.#progress !== undefined) this.#progress.rows += count
        }
      })
    } catch (error) {
      if (error instanceof AssertionError) throw error
      this.#progress = { rows: 0, problem: error instanceof Error ? error.message : String(error) }
      log.error({ error: reasonOf(error) }, 'the rotation of the master key waits')
      return false
    }
  }

  async #record(): Promise<StoreRecord> {
    const row = await this.#options.metadata.get(storeKey())
    if (row === undefined)
      throw new R2dError('R2D_CORRUPT_RECORD', 'The row of the store is missing')
    return decodeStoreRecord(row.value)
  }

  #inTurn<Result>(change: () => Promise<Result>): Promise<Result> {
    const turn = this.#turn.then(change)
    this.#turn = turn.catch(() => undefined)
    return turn
  }
}

export function nameOf({ key }: Pick<MasterKey, 'key'>): string {
  return masterKeyId(key).toString('hex')
}

function notOurs(kind: KeySource['kind']): R2dError {
  if (kind === 'command') {
    return new R2dError(
      'R2D_INVALID_CONFIG',
      'The command that gives the master key gives no new one',
      {
        hint: 'Let it print two: a new key (r2d key generate), and behind it the one in use; then repeat this'
      }
    )
  }
  return new R2dError(
    'R2D_INVALID_CONFIG',
    'The master key comes from R2D_MASTER_KEY, which only you can change',
    {
      hint: 'Set it to two keys with a space between, a new one (r2d key generate) and the one in use, and restart the daemon'
    }
  )
}

function notAFile(kind: KeySource['kind']): R2dError {
  const from = kind === 'command' ? 'a command' : 'R2D_MASTER_KEY'
  return new R2dError('R2D_INVALID_CONFIG', `The master key comes from ${from}, not from a file`, {
    hint: 'A passphrase is of a key file'
  })
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
