/**
 * The store record: the one row that says which store this is. Written once, first of all.
 */

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
