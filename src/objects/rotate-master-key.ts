/**
 * Rotation of the master key: everything that is wrapped under it is wrapped under the next one. No content is read or written.
 *
 *     1. the next key is durable where the store's key is kept, and at hand in every thread
 *     2. commit: the store's row names both; from here on nothing new is wrapped under the old one
 *     3. every wrapped bucket key and sealed secret is rewrapped, in steps of bounded commits
 *     4. commit: the store's row names the next key alone
 *     5. the old key is dropped
 *
 * Here are 2, 3 and 4. A process that is killed before 2 has begun nothing; between 2 and 4 it goes on when it starts
 * again, from the first row, which it then passes over; after 4 only 5 is left.
 */

import { setTimeout as delay } from 'node:timers/promises'
import { openSecret, sealSecret, unwrapKey, wrapKey } from '../crypto/key-wrap.ts'
import { masterKeyId } from '../crypto/keyring.ts'
import { R2dError } from '../errors.ts'
import { decodeBucketRecord } from '../metadata/bucket-record.ts'
import type { Committer } from '../metadata/committer.ts'
import { decodeCredentialRecord } from '../metadata/credential-record.ts'
import type { Entry, Range } from '../metadata/engine.ts'
import {
  bucketRange,
  credentialRange,
  parseBucketKey,
  parseCredentialKey
} from '../metadata/keys.ts'
import type { Rewrapped } from '../metadata/mutations/master-key.ts'
import type { StoreKey } from '../metadata/store-record.ts'
import type { MetadataReader } from './context.ts'

/** Rows in one commit: what others may have to wait behind. */
const stepSize = 256

/** What the store's row is to say of a master key. */
export function describeMasterKey(key: Buffer, storeId: Buffer, now: number): StoreKey {
  return { id: masterKeyId(key), check: sealSecret(key, 'store', storeId, storeId), since: now }
}

/** Whether `key` is the master key that the store's row describes. */
export function isMasterKey(key: Buffer, storeId: Buffer, { check }: StoreKey): boolean {
  return openSecret(key, 'store', storeId, check)?.equals(storeId) === true
}

export interface KeyRotation {
  metadata: MetadataReader
  committer: Pick<Committer, 'mutate'>
  /** 32 bytes each. */
  from: Buffer
  to: Buffer
  /** Ends it after the step that is under way. */
  signal: AbortSignal
  /** Rows that were looked at, one after the other. */
  onStep: (count: number) => void
}

/** Steps 3 and 4, once 2 is done. False if the signal ended it before. */
export async function carryOutKeyRotation(rotation: KeyRotation): Promise<boolean> {
  const { committer, to, signal } = rotation
  const nextId = masterKeyId(to)
  const isDone =
    (await rewrapRange(rotation, credentialRange(), async entries => {
      const credentials = entries.flatMap(entry => rewrapCredential(rotation, entry))
      if (credentials.length > 0)
        await committer.mutate('rewrapKeys', { nextId, buckets: [], credentials })
    })) &&
    (await rewrapRange(rotation, bucketRange(''), async entries => {
      const buckets = entries.flatMap(entry => rewrapBucket(rotation, entry))
      if (buckets.length > 0)
        await committer.mutate('rewrapKeys', { nextId, buckets, credentials: [] })
    }))
  if (!isDone || signal.aborted) return false

  await committer.mutate('finishKeyRotation', { nextId })
  return true
}

/** One snapshot, taken after the rotation began, is enough: nothing that came later is under the old key. */
async function rewrapRange(
  { metadata, signal, onStep }: KeyRotation,
  range: Range,
  rewrap: (entries: readonly Entry[]) => Promise<void>
): Promise<boolean> {
  await using cursor = metadata.scan(range)
  while (!signal.aborted) {
    const started = performance.now()
    const entries = await cursor.read(stepSize)
    if (entries.length === 0) return true
    await rewrap(entries)
    onStep(entries.length)
    // At most half of the committer's time goes into this.
    await delay(performance.now() - started)
  }
  return false
}

function rewrapBucket({ from, to }: KeyRotation, { key: rowKey, value }: Entry): Rewrapped[] {
  const { id, wrappedKey } = decodeBucketRecord(value)
  if (unwrapKey(to, 'bucket', id, wrappedKey) !== undefined) return []

  const name = parseBucketKey(rowKey)
  const key = unwrapKey(from, 'bucket', id, wrappedKey)
  if (key === undefined) throw unopened(`The key of bucket ${name}`)
  return [{ name, from: wrappedKey, to: wrapKey(to, 'bucket', id, key) }]
}

function rewrapCredential({ from, to }: KeyRotation, { key: rowKey, value }: Entry): Rewrapped[] {
  const name = parseCredentialKey(rowKey)
  const id = Buffer.from(name)
  const { sealedSecret } = decodeCredentialRecord(value)
  if (openSecret(to, 'credential', id, sealedSecret) !== undefined) return []

  const secret = openSecret(from, 'credential', id, sealedSecret)
  if (secret === undefined) throw unopened(`The secret of access key ${name}`)
  return [{ name, from: sealedSecret, to: sealSecret(to, 'credential', id, secret) }]
}

/** The old key is then not dropped: it may be what opens other rows. */
function unopened(what: string): R2dError {
  return new R2dError('R2D_CORRUPT_RECORD', `${what} opens under neither master key`)
}
