/**
 * The `r2d` executable: the command tree of commands/, run by oclif.
 */

import { execute } from '@oclif/core'
import { constants } from 'node:os'

// Who reads the output has had enough, as `head` has: the end that the signal would have been.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(128 + constants.signals.SIGPIPE)
})

await execute({ dir: import.meta.url })
