/**
 * The segment files of a volume's directory: which there are, how large, and their end.
 */

import { join } from 'node:path'
import { errnoOf, type DataFile, type FileSystem } from '../file.ts'
import { parseSegmentName, segmentName } from './segment-format.ts'
import { segmentsName } from './superblock.ts'

/** Ascending numbers; names that are no segment's are left out. */
export async function listSegments(files: FileSystem, volumePath: string): Promise<number[]> {
  const names = await files.list(join(volumePath, segmentsName))
  return names
    .map(parseSegmentName)
    .filter(number => number !== undefined)
    .sort((a, b) => a - b)
}

export function openSegment(
  files: FileSystem,
  volumePath: string,
  segment: number
): Promise<DataFile> {
  return files.openRead(join(volumePath, segmentsName, segmentName(segment)))
}

/** Bytes, or undefined if there is no such file. */
export async function sizeOfSegment(
  files: FileSystem,
  volumePath: string,
  segment: number
): Promise<number | undefined> {
  let file: DataFile
  try {
    file = await openSegment(files, volumePath, segment)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  }
  try {
    return await file.size()
  } finally {
    await file.close()
  }
}

/** Durable on return; one that is gone already is gone. */
export async function removeSegment(
  files: FileSystem,
  volumePath: string,
  segment: number
): Promise<void> {
  const directory = join(volumePath, segmentsName)
  try {
    await files.remove(join(directory, segmentName(segment)))
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error
  }
  await files.syncDirectory(directory)
}
