/**
 * The pace of background commits.
 */

import { setTimeout as delay } from 'node:timers/promises'

/** Rests as long as the step took: at most half of the committer's time goes into work of one kind. */
export async function atHalfTime<T>(step: () => Promise<T>): Promise<T> {
  const started = performance.now()
  const result = await step()
  await delay(performance.now() - started)
  return result
}
