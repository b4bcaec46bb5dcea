/**
 * Every extent row in the order of the ids, some at a time.
 */

import type { Engine } from '../metadata/engine.ts'
import { decodeExtentRecord, type ExtentRecord } from '../metadata/extent-record.ts'
import { extentRange, parseExtentKey } from '../metadata/keys.ts'
import { rowPages } from './row-pages.ts'

export interface ExtentRow {
  /** 16 bytes. */
  id: Buffer
  record: ExtentRecord
}

/** Ends early when the signal is aborted. */
export async function* extentPages(
  metadata: Pick<Engine, 'scan'>,
  signal: AbortSignal
): AsyncGenerator<ExtentRow[], void, undefined> {
  for await (const entries of rowPages(metadata, extentRange(), signal)) {
    yield entries.map(({ key, value }) => ({
      id: parseExtentKey(key),
      record: decodeExtentRecord(value)
    }))
  }
}
