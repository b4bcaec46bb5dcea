/**
 * The flags that `cp` and `mv` share.
 */

import { Flags } from '@oclif/core'

export const transferFlags = {
  concurrency: Flags.integer({
    description: 'Transfers at once',
    default: 8,
    min: 1,
    max: 64,
    env: 'R2D_CONCURRENCY'
  }),
  progress: Flags.boolean({
    description: 'Show progress, on a terminal',
    default: true,
    allowNo: true,
    env: 'R2D_PROGRESS'
  }),
  quiet: Flags.boolean({ char: 'q', description: 'Say nothing but errors', env: 'R2D_QUIET' })
}
