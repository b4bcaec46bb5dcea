/**
 * The credential record: one S3 access key.
 */

import { RowReader, RowWriter } from './row-codec.ts'

export interface CredentialRecord {
  /** Milliseconds since the epoch. */
  created: number
  description: string
  /** Sealed under the master key: 24 bytes of nonce, then ciphertext and tag. */
  sealedSecret: Buffer
}

export function encodeCredentialRecord({
  created,
  description,
  sealedSecret
}: CredentialRecord): Buffer {
  const row = new RowWriter('credential', 1)
  row.unsigned(created)
  row.text(description)
  row.bytes(sealedSecret)
  return row.finish()
}

export function decodeCredentialRecord(bytes: Buffer): CredentialRecord {
  const row = new RowReader('credential', 1, bytes)
  const record = {
    created: row.unsigned(),
    description: row.text(),
    sealedSecret: row.bytes()
  }
  row.finish()
  return record
}
