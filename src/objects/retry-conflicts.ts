/**
 * Reading, deciding and committing again where another commit came between.
 */

import { R2dError } from '../errors.ts'

/** How often what was read may have changed before the caller hears of it. */
const attemptCountMax = 16

/** Runs `attempt` again while it rejects with R2D_CONFLICT. */
export async function retryConflicts<Result>(attempt: () => Promise<Result>): Promise<Result> {
  for (let count = 1; ; count++) {
    try {
      return await attempt()
    } catch (error) {
      const isConflict = error instanceof R2dError && error.code === 'R2D_CONFLICT'
      if (!isConflict || count === attemptCountMax) throw error
    }
  }
}
