/**
 * A new S3 access key.
 */

import { R2dError } from '../../errors.ts'
import { encodeCredentialRecord, type CredentialRecord } from '../credential-record.ts'
import { credentialKey } from '../keys.ts'
import type { Transaction } from '../transaction.ts'
import { requireMasterKey } from './master-key.ts'

export interface CreateCredential {
  accessKeyId: string
  record: CredentialRecord
  /** Id of the master key that its secret is sealed under. */
  masterKeyId: Buffer
}

export async function createCredential(
  transaction: Transaction,
  { accessKeyId, record, masterKeyId }: CreateCredential
): Promise<void> {
  await requireMasterKey(transaction, masterKeyId)
  if ((await transaction.get(credentialKey(accessKeyId))) !== undefined) {
    throw new R2dError('R2D_CONFLICT', `Access key ${accessKeyId} exists`)
  }

  transaction.put(credentialKey(accessKeyId), encodeCredentialRecord(record))
}
