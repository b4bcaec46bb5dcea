/**
 * S3 access keys: created here, looked up by the gateway.
 *
 * What was read is used for as long as the configuration's epoch is the same, and an opened secret for as long as its row
 * has the same version.
 */

import { randomBytes } from 'node:crypto'
import { openSecret, sealSecret } from '../crypto/key-wrap.ts'
import type { Keyring } from '../crypto/keyring.ts'
import { R2dError } from '../errors.ts'
import type { Committer } from '../metadata/committer.ts'
import { decodeCredentialRecord, type CredentialRecord } from '../metadata/credential-record.ts'
import type { ConfigurationEpoch } from '../metadata/configuration-epoch.ts'
import type { Version } from '../metadata/engine.ts'
import { credentialKey, credentialRange, parseCredentialKey } from '../metadata/keys.ts'
import type { MetadataReader } from './context.ts'
import { retryConflicts } from './retry-conflicts.ts'
import type { Credentials } from './store.ts'

/** A request names any id it likes: those that exist are few. */
const knownCountMax = 4096

export interface Credential {
  accessKeyId: string
  secret: string
  description: string
  /** Milliseconds since the epoch. */
  created: number
}

export class CredentialCatalog implements Credentials {
  readonly #metadata: MetadataReader
  readonly #keyring: Keyring
  readonly #epoch: ConfigurationEpoch
  readonly #known = new Map<string, { epoch: number; version: Version; secret: string }>()

  constructor(metadata: MetadataReader, keyring: Keyring, epoch: ConfigurationEpoch) {
    this.#metadata = metadata
    this.#keyring = keyring
    this.#epoch = epoch
  }

  async secret(accessKeyId: string): Promise<string | undefined> {
    const epoch = this.#epoch.current
    const known = this.#known.get(accessKeyId)
    if (known?.epoch === epoch) return known.secret

    const { generation } = this.#keyring
    const row = await this.#metadata.get(credentialKey(accessKeyId))
    if (row === undefined) {
      this.#known.delete(accessKeyId)
      return undefined
    }

    if (known?.version === row.version) {
      known.epoch = epoch
      return known.secret
    }

    const secret = this.#open(accessKeyId, decodeCredentialRecord(row.value))
    if (secret === undefined) {
      // Read before the last row was rewrapped, and opened after the old key was dropped.
      if (generation !== this.#keyring.generation) return this.secret(accessKeyId)
      throw unopened(accessKeyId)
    }
    if (this.#known.size >= knownCountMax) this.#known.clear()
    this.#known.set(accessKeyId, { epoch, version: row.version, secret })
    return secret
  }

  async list(): Promise<Credential[]> {
    const { generation } = this.#keyring
    const credentials = await this.#list()
    if (!credentials.includes(undefined)) return credentials.filter(each => each !== undefined)
    if (generation !== this.#keyring.generation) return this.list()

    throw unopened('of the list')
  }

  async #list(): Promise<(Credential | undefined)[]> {
    await using cursor = this.#metadata.scan(credentialRange())
    const entries = await cursor.read(knownCountMax)

    return entries.map(({ key, value }) => {
      const accessKeyId = parseCredentialKey(key)
      const record = decodeCredentialRecord(value)
      const { description, created } = record
      const secret = this.#open(accessKeyId, record)
      return secret === undefined ? undefined : { accessKeyId, secret, description, created }
    })
  }

  #open(accessKeyId: string, { sealedSecret }: CredentialRecord): string | undefined {
    const id = Buffer.from(accessKeyId)
    const secret = this.#keyring.open(key => openSecret(key, 'credential', id, sealedSecret))
    return secret?.toString()
  }
}

function unopened(accessKeyId: string): R2dError {
  return new R2dError('R2D_CORRUPT_RECORD', `The secret of access key ${accessKeyId} does not open`)
}

/** R2's shapes: an id of 32 hex digits, a secret of 64. */
export async function createCredential(
  committer: Committer,
  keyring: Keyring,
  { description, now }: { description: string; now: number }
): Promise<Credential> {
  const accessKeyId = randomBytes(16).toString('hex')
  const secret = randomBytes(32).toString('hex')
  const id = Buffer.from(accessKeyId)
  // The master key may be rotated between the sealing and the commit.
  await retryConflicts(async () => {
    const { id: masterKeyId, key } = keyring.current
    const sealedSecret = sealSecret(key, 'credential', id, Buffer.from(secret))
    const record = { created: now, description, sealedSecret }
    await committer.mutate('createCredential', { accessKeyId, record, masterKeyId })
  })

  return { accessKeyId, secret, description, created: now }
}
