/**
 * Takes away what newer snapshots have made superfluous: older snapshots, those that a crash cut short, and the journal files
 * whose records all come before the oldest snapshot that is kept.
 *
 * Two snapshots are kept, so that one which rots in all of its copies costs nothing: the journal goes back to the one before.
 */

import { dirname } from 'node:path'
import type { FileSystem } from '../../file.ts'
import { isSuperfluous, listJournalFiles, type JournalVolume } from './journal-files.ts'
import {
  listSnapshots,
  snapshotNumber,
  type Snapshot,
  type SnapshotSource
} from './snapshot-format.ts'

const keptCount = 2

export interface Pruned {
  snapshots: number
  journalFiles: number
  bytes: number
}

/**
 * After `newest` was written and read back. Who commits may be writing a snapshot of its own meanwhile: one without an end that was begun at
 * `began`, milliseconds since the epoch, or later, is not taken for one that a crash cut short.
 */
export async function prune(
  volumes: readonly JournalVolume[],
  source: SnapshotSource,
  { newest, began }: { newest: Snapshot; began: number }
): Promise<Pruned> {
  const { files, storeId } = source
  const { found, incomplete } = await listSnapshots(volumes, source)
  const isNewest = ({ snapshotId }: Snapshot): boolean => snapshotId.equals(newest.snapshotId)
  // Without it in the list nothing is known that would make anything superfluous.
  if (!found.some(isNewest)) return { snapshots: 0, journalFiles: 0, bytes: 0 }

  const older = found.filter(each => !isNewest(each))
  const kept = [newest, ...older.slice(0, keptCount - 1)]
  const dropped = older.slice(keptCount - 1)
  const abandoned = incomplete.filter(({ path }) => !(snapshotNumber(path) >= began))
  const copies = [...dropped.flatMap(each => each.copies), ...abandoned]
  const floor = Math.min(...kept.map(({ sequence }) => sequence))

  const journal = (await listJournalFiles(volumes, storeId, files)).found
  const superfluous = journal.filter(file => isSuperfluous(file, floor, journal))
  const bytes = [...copies, ...superfluous].reduce((sum, { size }) => sum + size, 0)
  await removeAll(
    [...copies, ...superfluous].map(({ path }) => path),
    files
  )
  return { snapshots: dropped.length, journalFiles: superfluous.length, bytes }
}

/** What cannot be removed is so the next time. */
async function removeAll(paths: readonly string[], files: FileSystem): Promise<void> {
  for (const path of paths) await files.remove(path).catch(() => undefined)
  for (const folder of new Set(paths.map(dirname))) {
    await files.syncDirectory(folder).catch(() => undefined)
  }
}
