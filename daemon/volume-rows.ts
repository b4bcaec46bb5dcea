/**
 * The rows of all volumes, and the paths in them: one under the home is relative, so that a store can be moved as a whole.
 */

import { isAbsolute, relative, resolve } from 'node:path'
import type { Engine } from '../src/metadata/engine.ts'
import { parseVolumeKey, volumeRange } from '../src/metadata/keys.ts'
import { decodeVolumeRecord, type VolumeRecord } from '../src/metadata/volume-record.ts'

export interface VolumeRow extends VolumeRecord {
  number: number
  /** Absolute. */
  directory: string
}

/** Those that were removed, too. */
export async function readVolumeRows(
  metadata: Pick<Engine, 'scan'>,
  homePath: string
): Promise<VolumeRow[]> {
  await using cursor = metadata.scan(volumeRange())
  const entries = await cursor.read(0xffff)
  return entries.map(({ key, value }) =>
    toVolumeRow(parseVolumeKey(key), decodeVolumeRecord(value), homePath)
  )
}

export function toVolumeRow(number: number, record: VolumeRecord, homePath: string): VolumeRow {
  return { ...record, number, directory: resolve(homePath, record.path) }
}

/** As a row has it. `directory` is absolute. */
export function pathInRow(directory: string, homePath: string): string {
  const way = relative(homePath, directory)
  const isInside = way !== '' && !way.startsWith('..') && !isAbsolute(way)
  return isInside ? way : directory
}
