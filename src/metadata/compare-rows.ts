/**
 * Compares all rows of two engines, side by side in the order of keys.
 */

import type { Engine, Entry } from './engine.ts'
import { everyRow } from './keys.ts'

const rowsAtOnce = 500
/** Of the keys that differ, those that are kept: one says as much as a million. */
const differentCountMax = 1000

/** `passes`: rows under these keys may differ. */
export async function compareRows(
  a: Pick<Engine, 'scan'>,
  b: Pick<Engine, 'scan'>,
  passes: (key: Buffer) => boolean
): Promise<{ compared: number; different: Buffer[] }> {
  const [left, right] = [rowsOf(a), rowsOf(b)]
  const different: Buffer[] = []
  let compared = 0
  let [first, second] = [await next(left), await next(right)]
  while (first !== undefined || second !== undefined) {
    const order = compareKeys(first, second)
    const key = (order <= 0 ? first?.key : second?.key) ?? Buffer.alloc(0)
    const isSame = order === 0 && first !== undefined && second?.value.equals(first.value) === true
    compared++
    if (!isSame && !passes(key) && different.length < differentCountMax) different.push(key)
    if (order <= 0) first = await next(left)
    if (order >= 0) second = await next(right)
  }
  return { compared, different }
}

/** At the end of its rows an engine is behind every key. */
function compareKeys(a: Entry | undefined, b: Entry | undefined): number {
  if (a === undefined) return 1
  return b === undefined ? -1 : Buffer.compare(a.key, b.key)
}

async function* rowsOf(engine: Pick<Engine, 'scan'>): AsyncGenerator<Entry, void> {
  await using cursor = engine.scan(everyRow())
  for (;;) {
    const entries = await cursor.read(rowsAtOnce)
    if (entries.length === 0) return
    yield* entries
  }
}

async function next(rows: AsyncGenerator<Entry, void>): Promise<Entry | undefined> {
  const { value, done } = await rows.next()
  return done === true ? undefined : value
}
