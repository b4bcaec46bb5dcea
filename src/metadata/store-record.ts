/**
 * The store record: the one row that says which store this is. Written once, first of all.
 */

import { RowReader, RowWriter } from './row-codec.ts'

export interface StoreRecord {
  /** 16 bytes, random. */
  id: Buffer
  /** Milliseconds since the epoch. */
  created: number
  /** Sealed under the master key: opens only if the key is the store's. 24 bytes of nonce, then ciphertext and tag. */
  keyCheck: Buffer
  /** Of the daemon: where buckets without a hint go. */
  defaultLocation: string
}

export function encodeStoreRecord({ id, created, keyCheck, defaultLocation }: StoreRecord): Buffer {
  const row = new RowWriter('store', 1)
  row.fixed(id, 16)
  row.unsigned(created)
  row.bytes(keyCheck)
  row.text(defaultLocation)
  return row.finish()
}

export function decodeStoreRecord(bytes: Buffer): StoreRecord {
  const row = new RowReader('store', 1, bytes)
  const record = {
    id: row.fixed(16),
    created: row.unsigned(),
    keyCheck: row.bytes(),
    defaultLocation: row.text()
  }
  row.finish()
  return record
}
