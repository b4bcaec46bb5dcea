/**
 * CopyObject's commit: one more reference to what the source holds. No byte of content is read or written.
 */

import { R2dError } from '../../errors.ts'
import { decodeExtentRecord, encodeExtentRecord } from '../extent-record.ts'
import { extentKey, manifestPageKey } from '../keys.ts'
import type { Manifest } from '../manifest.ts'
import { decodeManifestPageRecord, encodeManifestPageRecord } from '../manifest-page-record.ts'
import { decodeObjectRecord } from '../object-record.ts'
import type { Transaction } from '../transaction.ts'
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

/** One more reference to each extent or page, for each time that a manifest names it. */
async function shareContent(transaction: Transaction, manifest: Manifest): Promise<void> {
  if (manifest.kind === 'inline') {
    await shareExtents(
      transaction,
      manifest.slices.map(({ extentId }) => extentId)
    )
    return
  }

  for (const { pageId } of manifest.pages) {
    const key = manifestPageKey(pageId)
    const record = decodeManifestPageRecord(await required(transaction, key))
    transaction.put(key, encodeManifestPageRecord({ ...record, references: record.references + 1 }))
  }
}

/** One more reference to each extent, for each time that it is named. */
export async function shareExtents(
  transaction: Transaction,
  ids: readonly Buffer[]
): Promise<void> {
  for (const id of ids) {
    const key = extentKey(id)
    const record = decodeExtentRecord(await required(transaction, key))
    transaction.put(key, encodeExtentRecord({ ...record, references: record.references + 1 }))
  }
}

async function required(transaction: Transaction, key: Buffer): Promise<Buffer> {
  const row = await transaction.get(key)
  if (row !== undefined) return row.value

  throw new R2dError(
    'R2D_CORRUPT_RECORD',
    `An object refers to a row that is missing: ${key.toString('hex')}`
  )
}
