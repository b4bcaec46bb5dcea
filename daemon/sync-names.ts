/**
 * The directories of a new store, as names in the directories above them.
 */

import { dirname } from 'node:path'
import { nodeFiles } from '../src/file.ts'
import type { DaemonSettings } from './daemon-settings.ts'

/** The names of the store's directories are as durable as what is in them: up to the home's own. */
export async function syncNames({ metadataPath, volumesPath }: DaemonSettings): Promise<void> {
  const home = dirname(volumesPath)
  for (const path of [metadataPath, dirname(metadataPath), volumesPath, home, dirname(home)]) {
    await nodeFiles.syncDirectory(path)
  }
}
