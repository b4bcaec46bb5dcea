/**
 * S3 access keys: created here, looked up by the gateway.
 *
 * What was read is used for as long as the configuration's epoch is the same, and an opened secret for as long as its row
 * has the same version.
 */

import { randomBytes } from 'node:crypto'
import { openSecret, sealSecret } from '../crypto/key-wrap.ts'
import { R2dError } from '../errors.ts'
import type { Committer } from '../metadata/committer.ts'
import { decodeCredentialRecord, type CredentialRecord } from '../metadata/credential-record.ts'
import type { ConfigurationEpoch } from '../metadata/configuration-epoch.ts'
import type { Version } from '../metadata/engine.ts'
import { credentialKey, credentialRange, parseCredentialKey } from '../metadata/keys.ts'
import type { MetadataReader } from './context.ts'
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
  readonly #masterKey: Buffer
  readonly #epoch: ConfigurationEpoch
  readonly #known = new Map<string, { epoch: number; version: Version; secret: string }>()

  constructor(metadata: MetadataReader, masterKey: Buffer, epoch: ConfigurationEpoch) {
    this.#metadata = metadata
    this.#masterKey = masterKey
    this.#epoch = epoch
  }

  async secret(accessKeyId: string): Promise<string | undefined> {
    const epoch = this.#epoch.current
    const known = this.#known.get(accessKeyId)
    if (known?.epoch === epoch) return known.secret

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
    if (this.#known.size >= knownCountMax) this.#known.clear()
    this.#known.set(accessKeyId, { epoch, version: row.version, secret })
    return secret
  }

  async list(): Promise<Credential[]> {
    await using cursor = this.#metadata.scan(credentialRange())
    const entries = await cursor.read(knownCountMax)

    return entries.map(({ key, value }) => {
      const accessKeyId = parseCredentialKey(key)
      const record = decodeCredentialRecord(value)
      const { description, created } = record
      return { accessKeyId, secret: this.#open(accessKeyId, record), description, created }
    })
  }

  #open(accessKeyId: string, { sealedSecret }: CredentialRecord): string {
    const secret = openSecret(this.#masterKey, 'credential', Buffer.from(accessKeyId), sealedSecret)
    if (secret !== undefined) return secret.toString()

    throw new R2dError(
      'R2D_CORRUPT_RECORD',
      `The secret of access key ${accessKeyId} does not open`
    )
  }
}

/** R2's shapes: an id of 32 hex digits, a secret of 64. */
export async function createCredential(
  committer: Committer,
  masterKey: Buffer,
  { description, now }: { description: string; now: number }
): Promise<Credential> {
  const accessKeyId = randomBytes(16).toString('hex')
  const secret = randomBytes(32).toString('hex')
  const sealedSecret = sealSecret(
    masterKey,
    'credential',
    Buffer.from(accessKeyId),
    Buffer.from(secret)
  )
  const record = { created: now, description, sealedSecret }
  await committer.mutate('createCredential', { accessKeyId, record })

  return { accessKeyId, secret, description, created: now }
}
