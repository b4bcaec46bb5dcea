/**
 * The credential record: one S3 access key.
 */

export interface CredentialRecord {
  /** Milliseconds since the epoch. */
  created: number
  description: string
  /** Sealed under the master key: 24 bytes of nonce, then ciphertext and tag. */
  sealedSecret: Buffer
}
