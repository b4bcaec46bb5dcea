// The Python that test/tools/install.sh makes, with the current release of boto3.

import { homedir } from 'node:os'
import { join } from 'node:path'

const cache = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache')

export const currentPython = join(cache, 'r2d-test/python/bin/python')
