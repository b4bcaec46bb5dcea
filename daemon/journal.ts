/**
 * Where the main thread's commits go before the others start, and whatever else commits in a process of its own: through
 * the journal, unless that is off.
 */

import type { Logger } from 'pino'
import { R2dError } from '../src/errors.ts'
import type { Engine } from '../src/metadata/engine.ts'
import { dropJournalKeyWrappings, wrapJournalKeys } from '../src/metadata/journal/journal-key.ts'
import {
  JournaledEngine,
  journalVolumes,
  leaveJournal
} from '../src/metadata/journal/journaled-engine.ts'
import { Keyring } from '../src/crypto/keyring.ts'
import type { VolumeSet } from '../src/storage/volume-set.ts'
import type { JournalWrappings } from './master-keys.ts'
import type { FaultReport, SharedParts } from './thread-messages.ts'

/** Engine and journal are the same on return. */
export function openJournaled(
  engine: Engine,
  volumes: VolumeSet,
  { masterKeys, defaultLocation }: Pick<SharedParts, 'masterKeys' | 'defaultLocation'>,
  tell: { fault: (fault: FaultReport) => void; rolledForward: (count: number) => void }
): Promise<JournaledEngine> {
  return JournaledEngine.open(engine, {
    volumes,
    keyring: new Keyring(masterKeys),
    location: defaultLocation,
    onFault: ({ volume, path, reason }) => {
      tell.fault({ kind: 'read', volume, reason: `${path}: ${reason}` })
    },
    onRolledForward: tell.rolledForward
  })
}

/**
 * Nothing is in the engine alone on return, if there are volumes enough; otherwise nothing is committed until there are.
 * Undefined where there is no journal.
 */
export async function takeUpJournal(
  engine: Engine,
  volumes: VolumeSet,
  parts: Pick<SharedParts, 'masterKeys' | 'defaultLocation' | 'hasJournal'>,
  { report, log }: { report: (fault: FaultReport) => void; log: Pick<Logger, 'warn' | 'error'> }
): Promise<JournaledEngine | undefined> {
  if (!parts.hasJournal) {
    await leaveJournal(engine)
    return undefined
  }

  const rolledForward = (commits: number): void => {
    log.warn({ commits }, 'the metadata took up what the journal had')
  }
  const journaled = await openJournaled(engine, volumes, parts, { fault: report, rolledForward })
  try {
    await journaled.reach()
  } catch (error) {
    if (!(error instanceof R2dError)) throw error
    log.error({ error: error.message }, 'the journal cannot be written: nothing is committed')
  }
  return journaled
}

/** What a rotation of the master key does to the journal's. */
export function journalWrappings(volumes: VolumeSet): JournalWrappings {
  const { files, storeId } = volumes
  const paths = (): string[] => journalVolumes(volumes).map(({ path }) => path)

  return {
    wrap: (from, to) => wrapJournalKeys(paths(), { storeId, from, to }, files),
    keep: keys => dropJournalKeyWrappings(paths(), keys, files)
  }
}
