/**
 * The volumes of a store whose metadata is not to be had, by their superblocks.
 */

import { readdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { R2dError } from '../src/errors.ts'
import type { Home } from '../src/home.ts'
import { readSuperblock } from '../src/storage/superblock.ts'

export interface FoundVolume {
  number: number
  path: string
  /** 16 bytes each. */
  volumeId: Buffer
  storeId: Buffer
}

/** Those that are named, or else all in the home's directory for volumes. */
export async function findVolumes(home: Home, named: readonly string[]): Promise<FoundVolume[]> {
  const paths = named.length > 0 ? named.map(path => resolve(path)) : await listHome(home)
  const found: FoundVolume[] = []
  for (const path of paths) {
    const volume = await findVolume(path)
    if (volume !== undefined) found.push(volume)
    else if (named.length > 0) {
      throw new R2dError('R2D_FOREIGN_VOLUME', `${path} is no volume: it has no superblock`, {
        hint: 'Mount the disk that belongs there'
      })
    }
  }

  const [first] = found
  if (first === undefined) {
    throw new R2dError('R2D_FOREIGN_VOLUME', `There are no volumes in ${home.volumes}`, {
      hint: 'Name them: --volume PATH, once for each'
    })
  }
  const other = found.find(({ storeId }) => !storeId.equals(first.storeId))
  if (other !== undefined) {
    throw new R2dError(
      'R2D_FOREIGN_VOLUME',
      `${first.path} and ${other.path} are volumes of two stores`,
      { hint: 'Name those of one: --volume PATH, once for each' }
    )
  }
  return found.sort((a, b) => a.number - b.number)
}

/** Undefined where there is none. */
export async function findVolume(path: string): Promise<FoundVolume | undefined> {
  const superblock = await readSuperblock(path)
  if (superblock === undefined) return undefined

  const { number, volumeId, storeId } = superblock
  return { number, path, volumeId, storeId }
}

async function listHome(home: Home): Promise<string[]> {
  const names = await readdir(home.volumes).catch(() => [])
  return names.sort().map(name => join(home.volumes, name))
}
