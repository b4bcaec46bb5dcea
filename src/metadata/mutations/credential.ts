/**
 * A new S3 access key.
 */

import { R2dError } from '../../errors.ts'
import { encodeCredentialRecord, type CredentialRecord } from '../credential-record.ts'
import { credentialKey } from '../keys.ts'
import type { Transaction } from '../transaction.ts'

export interface CreateCredential {
  accessKeyId: string
  record: CredentialRecord
}

export async function createCredential(
  transaction: Transaction,
  { accessKeyId, record }: CreateCredential
): Promise<void> {
  if ((await transaction.get(credentialKey(accessKeyId))) !== undefined) {
    throw new R2dError('R2D_CONFLICT', `Access key ${accessKeyId} exists`)
  }

  transaction.put(credentialKey(accessKeyId), encodeCredentialRecord(record))
}
