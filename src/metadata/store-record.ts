/**
 * The store record: the one row that says which store this is, and which master key opens it.
 *
 * While the master key is being rotated it names two: `key`, under which rows may still be wrapped, and `next`, under which
 * everything is wrapped that is written meanwhile. Once nothing is left under `key`, `next` takes its place.
 */

import { masterKeyIdSize } from '../crypto/keyring.ts'
import { RowReader, RowWriter } from './row-codec.ts'

/** What is known of a master key: enough to recognise it. */
export interface StoreKey {
  /** 8 bytes: its name. */
  id: Buffer
  /** The store's id, sealed under the key: opens only with it. 24 bytes of nonce, then ciphertext and tag. */
  check: Buffer
  /** When the store began to use it, milliseconds since the epoch. */
  since: number
}

export interface StoreRecord {
  /** 16 bytes, random. */
  id: Buffer
  /** Milliseconds since the epoch. */
  created: number
  key: StoreKey
  next: StoreKey | undefined
  /** Of the daemon: where buckets without a hint go. */
  defaultLocation: string
}

export function encodeStoreRecord(record: StoreRecord): Buffer {
  const { id, created, key, next, defaultLocation } = record
  const row = new RowWriter('store', 1)
  row.fixed(id, 16)
  row.unsigned(created)
  row.text(defaultLocation)
  row.byte(next === undefined ? 1 : 2)
  writeKey(row, key)
  if (next !== undefined) writeKey(row, next)
  return row.finish()
}

export function decodeStoreRecord(bytes: Buffer): StoreRecord {
  const row = new RowReader('store', 1, bytes)
  const [id, created, defaultLocation] = [row.fixed(16), row.unsigned(), row.text()]
  const count = row.byte()
  if (count !== 1 && count !== 2) throw row.corrupt('it has neither one key nor two')
  const key = readKey(row)
  const next = count === 2 ? readKey(row) : undefined
  row.finish()
  return { id, created, key, next, defaultLocation }
}

function writeKey(row: RowWriter, { id, check, since }: StoreKey): void {
  row.fixed(id, masterKeyIdSize)
  row.bytes(check)
  row.unsigned(since)
}

function readKey(row: RowReader): StoreKey {
  return { id: row.fixed(masterKeyIdSize), check: row.bytes(), since: row.unsigned() }
}
