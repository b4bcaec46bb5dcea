/**
 * What nobody refers to any more, on its way to the release queue (src/maintenance/).
 */

import { encodeDiscardRecord } from '../discard-record.ts'
import { discardKey } from '../keys.ts'
import type { Manifest } from '../manifest.ts'
import type { Transaction } from '../transaction.ts'

/** Hands what a version or part refers to, on its way out, to the release queue. */
export function discard(
  transaction: Transaction,
  id: Buffer,
  manifest: Manifest,
  now: number
): void {
  const extentIds =
    manifest.kind === 'inline' ? manifest.slices.map(({ extentId }) => extentId) : []
  const pageIds = manifest.kind === 'paged' ? manifest.pages.map(({ pageId }) => pageId) : []
  if (extentIds.length + pageIds.length === 0) return

  transaction.put(discardKey(now, id), encodeDiscardRecord({ extentIds, pageIds }))
}
