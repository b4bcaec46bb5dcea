/**
 * The directory that a volume is to be made in: that it is free, and that it holds what is written to it.
 */

import { realpath } from 'node:fs/promises'
import { basename, dirname, join, relative, sep } from 'node:path'
import { randomBuffer } from '../crypto/sodium.ts'
import { R2dError } from '../errors.ts'
import { errnoOf, type FileSystem } from '../file.ts'
import { readSuperblock, segmentsName, superblockName } from './superblock.ts'

/** What a file system makes by itself, and what a killed attempt to make a volume leaves. */
const harmlessNames = new Set(['lost+found', segmentsName, `${superblockName}.new`])

const probeName = 'probe'
const probeSize = 64 * 1024

/** A directory that is taken, and what it is, for the message. */
export interface TakenDirectory {
  path: string
  what: string
}

/** R2D_VOLUME_EXISTS if the directory is one of those taken, or within one, or around one; through whatever links. */
export async function requireApart(path: string, taken: readonly TakenDirectory[]): Promise<void> {
  const place = await resolveExisting(path)
  for (const each of taken) {
    const other = await resolveExisting(each.path)
    if (place === other) {
      throw new R2dError('R2D_VOLUME_EXISTS', `${path} is ${each.what} already`)
    }
    if (isWithin(place, other)) {
      throw new R2dError('R2D_VOLUME_EXISTS', `${path} is inside ${each.what}, ${each.path}`)
    }
    if (isWithin(other, place)) {
      throw new R2dError('R2D_VOLUME_EXISTS', `${path} has ${each.what} inside it, ${each.path}`)
    }
  }
}

/** `empty`: a volume may be made there. Rejects with the file system's error if it cannot be read, ENOENT apart. */
export async function inspectDirectory(
  path: string,
  files: FileSystem
): Promise<
  | { kind: 'absent' | 'empty' }
  | { kind: 'volume'; storeId: Buffer; volumeId: Buffer; number: number }
  | { kind: 'occupied'; name: string }
> {
  let names: string[]
  try {
    names = await files.list(path)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return { kind: 'absent' }
    throw error
  }

  if (names.includes(superblockName)) {
    const found = await readSuperblock(path, files)
    if (found !== undefined) return { kind: 'volume', ...found }
  }
  const [stranger] = names.filter(name => !harmlessNames.has(name))
  if (stranger !== undefined) return { kind: 'occupied', name: stranger }
  const segments = names.includes(segmentsName) ? await files.list(join(path, segmentsName)) : []
  return segments.length === 0 ? { kind: 'empty' } : { kind: 'occupied', name: segmentsName }
}

/** Writes to a volume, and reads back what was written: rejects as the disk does, R2D_INTEGRITY if it is something else. */
export async function probeVolume(path: string, files: FileSystem): Promise<void> {
  const probe = join(path, probeName)
  const remove = (): Promise<void> =>
    files.remove(probe).catch((error: unknown) => {
      if (errnoOf(error) !== 'ENOENT') throw error
    })

  // Without these what was on it is gone, whatever the superblock says.
  await files.list(join(path, segmentsName))
  // A killed attempt may have left one.
  await remove()
  const written = randomBuffer(probeSize)
  const file = await files.create(probe)
  try {
    await file.write([written], 0)
    await file.sync()
  } finally {
    await file.close()
  }
  const found = await files.readWhole(probe)
  await remove()
  if (!found.equals(written)) {
    throw new R2dError('R2D_INTEGRITY', `${path} gives back other bytes than were written to it`)
  }
}

/** Through links, as far as there is something. */
async function resolveExisting(path: string): Promise<string> {
  try {
    return await realpath(path)
  } catch (error) {
    const parent = dirname(path)
    if (errnoOf(error) !== 'ENOENT' || parent === path) throw error
    return join(await resolveExisting(parent), basename(path))
  }
}

function isWithin(path: string, outer: string): boolean {
  const way = relative(outer, path)
  return way !== '' && way !== '..' && !way.startsWith(`..${sep}`)
}
