/**
 * CopyObject's commit: one more reference to what the source holds. No byte of content is read or written.
 */

import { R2dError } from '../../errors.ts'
import { decodeObjectRecord } from '../object-record.ts'
import type { Transaction } from '../transaction.ts'
import { shareContent } from './content-references.ts'
import { replaceObject, type Destination } from './destination.ts'

export interface CopyObject extends Destination {
  sourceRowKey: Buffer
  /** The source must still be this version: it is what `value` was made from. */
  sourceVersionId: Buffer
  /** The encoded ObjectRecord of the copy: the source's manifest, its keys wrapped for the destination. */
  value: Buffer
}

/** R2D_CONFLICT: the source is another version by now; read it again. */
export async function copyObject(transaction: Transaction, copy: CopyObject): Promise<void> {
  const found = await transaction.get(copy.sourceRowKey)
  const source = found && decodeObjectRecord(found.value)
  if (!source?.versionId.equals(copy.sourceVersionId)) {
    throw new R2dError('R2D_CONFLICT', 'The source of the copy has changed')
  }

  // References first: replacing the source by its own copy discards what is referred to once more here.
  await shareContent(transaction, source.manifest)
  await replaceObject(transaction, copy, copy.value)
}
