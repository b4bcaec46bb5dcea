/**
 * The rows of a range in the order of their keys, some at a time, for work that has to see all of them.
 *
 * Each page is read at a snapshot of its own, so that a scan of hours pins nothing in the engine: a row that is written
 * behind the place that the scan has come to is not seen. After each page the scan rests as long as that took.
 */

import { setTimeout as delay } from 'node:timers/promises'
import type { Engine, Entry, Range } from '../metadata/engine.ts'

const pageSize = 512

/** Ends early when the signal is aborted. */
export async function* rowPages(
  metadata: Pick<Engine, 'scan'>,
  { gte, lt }: Range,
  signal: AbortSignal
): AsyncGenerator<Entry[], void, undefined> {
  let next = gte
  while (!signal.aborted) {
    const started = performance.now()
    const entries = await readPage(metadata, { gte: next, lt })
    const last = entries.at(-1)
    if (last === undefined) return

    yield entries
    if (entries.length < pageSize) return
    next = Buffer.concat([last.key, Buffer.alloc(1)])
    await delay(performance.now() - started, undefined, { signal }).catch(() => undefined)
  }
}

async function readPage(metadata: Pick<Engine, 'scan'>, range: Range): Promise<Entry[]> {
  await using cursor = metadata.scan(range)
  return await cursor.read(pageSize)
}
