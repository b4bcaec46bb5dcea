/**
 * Scrub's commits: where it has come to, and in the same batch what it found, so that no kill forgets one for the other.
 */

import { scrubKey } from '../keys.ts'
import { encodeScrubRecord, type ScrubRecord } from '../scrub-record.ts'
import type { Transaction } from '../transaction.ts'
import { noteRepairs } from './repair.ts'

export interface AdvanceScrub {
  record: ScrubRecord
  /** Extents to look at, 16 bytes each, each once. */
  extentIds: Buffer[]
  /** Milliseconds since the epoch. */
  now: number
}

export async function advanceScrub(
  transaction: Transaction,
  { record, extentIds, now }: AdvanceScrub
): Promise<void> {
  await noteRepairs(transaction, { extentIds, now })
  transaction.put(scrubKey(), encodeScrubRecord(record))
}
