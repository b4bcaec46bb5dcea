/**
 * The version of this release, as package.json has it.
 */

import { createRequire } from 'node:module'

interface Package {
  version: string
}

export const { version } = createRequire(import.meta.url)('../../package.json') as Package
