/**
 * Every extent row in the order of the ids, some at a time, for work that has to see all of them.
 *
 * Each page is read at a snapshot of its own, so that a scan of hours pins nothing in the engine: a row that is written
 * behind the place that the scan has come to is not seen. After each page the scan rests as long as that took.
 */

import { setTimeout as delay } from 'node:timers/promises'
import type { Engine } from '../metadata/engine.ts'
import { decodeExtentRecord, type ExtentRecord } from '../metadata/extent-record.ts'
import { extentRange, parseExtentKey } from '../metadata/keys.ts'

const pageSize = 512

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
  const { gte, lt } = extentRange()
  let next = gte
  while (!signal.aborted) {
    const started = performance.now()
    await using cursor = metadata.scan({ gte: next, lt })
    const entries = await cursor.read(pageSize)
    const last = entries.at(-1)
    if (last === undefined) return

    yield entries.map(({ key, value }) => ({
      id: parseExtentKey(key),
      record: decodeExtentRecord(value)
    }))
    if (entries.length < pageSize) return
    next = Buffer.concat([last.key, Buffer.alloc(1)])
    await delay(performance.now() - started, undefined, { signal }).catch(() => undefined)
  }
}
