/**
 * Rotation of the master key: begun in one commit, carried out in bounded ones, finished in one.
 *
 * Between the first and the last, nothing new is wrapped under the key that is on its way out (`requireMasterKey`), so
 * that one pass over the rows that hold wrapped keys leaves none. A step replaces a wrapped key only where it is still the one
 * that was read, and may be repeated.
 */

import assert from 'node:assert/strict'
import { R2dError } from '../../errors.ts'
import { decodeBucketRecord, encodeBucketRecord } from '../bucket-record.ts'
import { decodeCredentialRecord, encodeCredentialRecord } from '../credential-record.ts'
import { bucketKey, credentialKey, storeKey } from '../keys.ts'
import {
  decodeStoreRecord,
  encodeStoreRecord,
  type StoreKey,
  type StoreRecord
} from '../store-record.ts'
import type { Transaction } from '../transaction.ts'

export interface BeginKeyRotation {
  next: StoreKey
}

/** R2D_CONFLICT if another rotation is under way. */
export async function beginKeyRotation(
  transaction: Transaction,
  { next }: BeginKeyRotation
): Promise<void> {
  const record = await readStore(transaction)
  if (record.next !== undefined) {
    throw new R2dError('R2D_CONFLICT', 'The master key is being rotated already')
  }

  assert(!record.key.id.equals(next.id))
  transaction.put(storeKey(), encodeStoreRecord({ ...record, next }))
}

/** A wrapped key or sealed secret that was read, and what it is to be. */
export interface Rewrapped {
  /** Of the bucket, or the access key's id. */
  name: string
  from: Buffer
  to: Buffer
}

export interface RewrapKeys {
  /** Of the master key that `to` is wrapped under. */
  nextId: Buffer
  buckets: Rewrapped[]
  credentials: Rewrapped[]
}

export async function rewrapKeys(
  transaction: Transaction,
  { nextId, buckets, credentials }: RewrapKeys
): Promise<void> {
  await requireNext(transaction, nextId)

  for (const { name, from, to } of buckets) {
    const row = await transaction.get(bucketKey(name))
    const record = row && decodeBucketRecord(row.value)
    // Gone since it was read, or another of the same name, which is under the new key.
    if (record?.wrappedKey.equals(from) !== true) continue
    transaction.put(bucketKey(name), encodeBucketRecord({ ...record, wrappedKey: to }))
  }
  for (const { name, from, to } of credentials) {
    const row = await transaction.get(credentialKey(name))
    const record = row && decodeCredentialRecord(row.value)
    if (record?.sealedSecret.equals(from) !== true) continue
    transaction.put(credentialKey(name), encodeCredentialRecord({ ...record, sealedSecret: to }))
  }
}

export interface FinishKeyRotation {
  nextId: Buffer
}

/** Nothing is left under the key that was: the caller has looked at every row since the rotation began. */
export async function finishKeyRotation(
  transaction: Transaction,
  { nextId }: FinishKeyRotation
): Promise<void> {
  const { next, ...record } = await requireNext(transaction, nextId)
  transaction.put(storeKey(), encodeStoreRecord({ ...record, key: next, next: undefined }))
}

/** R2D_CONFLICT if what is written was wrapped under another master key than is in use now: wrap it again. */
export async function requireMasterKey(transaction: Transaction, id: Buffer): Promise<void> {
  const { key, next } = await readStore(transaction)
  if ((next ?? key).id.equals(id)) return

  throw new R2dError('R2D_CONFLICT', 'The master key has changed')
}

async function requireNext(
  transaction: Transaction,
  nextId: Buffer
): Promise<StoreRecord & { next: StoreKey }> {
  const { next, ...record } = await readStore(transaction)
  if (next?.id.equals(nextId) === true) return { ...record, next }

  throw new R2dError('R2D_CONFLICT', 'No rotation to this master key is under way')
}

async function readStore(transaction: Transaction): Promise<StoreRecord> {
  const row = await transaction.get(storeKey())
  assert(row !== undefined, 'A store that serves has its row')
  return decodeStoreRecord(row.value)
}
