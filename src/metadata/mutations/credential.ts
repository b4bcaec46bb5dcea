/**
 * S3 access keys: a new one, and one that is revoked.
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

export interface RemoveCredential {
  accessKeyId: string
}

/** Its secret goes with the row. Every thread sees it with the next request: the epoch grows by this commit. */
export async function removeCredential(
  transaction: Transaction,
  { accessKeyId }: RemoveCredential
): Promise<void> {
  const key = credentialKey(accessKeyId)
  if ((await transaction.get(key)) === undefined) {
    throw new R2dError('R2D_NO_SUCH_KEY', `There is no access key ${accessKeyId}`)
  }

  transaction.delete(key)
}
