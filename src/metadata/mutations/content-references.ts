/**
 * References to content that is there: counted in the rows of what is referred to.
 */

import { R2dError } from '../../errors.ts'
import { decodeExtentRecord, encodeExtentRecord } from '../extent-record.ts'
import { extentKey, manifestPageKey } from '../keys.ts'
import type { Manifest } from '../manifest.ts'
import { decodeManifestPageRecord, encodeManifestPageRecord } from '../manifest-page-record.ts'
import type { Transaction } from '../transaction.ts'

/** One more reference to each extent or page, for each time that a manifest names it. */
export async function shareContent(transaction: Transaction, manifest: Manifest): Promise<void> {
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
