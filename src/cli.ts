/**
 * The `r2d` executable: the command tree of commands/, run by oclif.
 */

import { execute } from '@oclif/core'

await execute({ dir: import.meta.url })
