/**
 * The store's master key while no daemon has the store open: what the commands of `r2d key` do then, in their own process.
 *
 * The engine's kernel lock keeps a daemon out meanwhile, and this out while there is one.
 */

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { loadConfig } from '../src/config.ts'
import type { KeyStatus } from '../src/control/protocol.ts'
import { newKey } from '../src/crypto/key-wrap.ts'
import { formatMasterKey } from '../src/crypto/master-key.ts'
import { R2dError } from '../src/errors.ts'
import type { Home } from '../src/home.ts'
import type { Committer } from '../src/metadata/committer.ts'
import type { Engine } from '../src/metadata/engine.ts'
import { GroupCommitter } from '../src/metadata/group-committer.ts'
import { ObjectSequences } from '../src/metadata/object-sequences.ts'
import { mutations } from '../src/metadata/mutations.ts'
import { openKeySource, type KeyVariables } from './key-source.ts'
import { chooseEngine } from './main.ts'
import { MasterKeys } from './master-keys.ts'
import { readVolumes, unlockStore } from './open-store.ts'
import { journalWrappings, takeUpJournal } from './journal.ts'
import { openEngine, openVolumes } from './parts.ts'

export { takeKeyVariables } from './key-source.ts'
export {
  exportKey,
  groupCount,
  importKey,
  isFileUnderPassphrase,
  isRightGroup,
  verifySheet
} from './recovery.ts'

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined }

/** Rotates to the end. A rotation that was under way is finished, and nothing else done. */
export async function rotateOffline(home: Home, variables: KeyVariables): Promise<KeyStatus> {
  return withMasterKeys(home, variables, async masterKeys => {
    const before = await masterKeys.status()
    if (before.rotation === undefined) await masterKeys.rotate()
    await masterKeys.idle()
    return masterKeys.status()
  })
}

export async function keyStatusOffline(home: Home, variables: KeyVariables): Promise<KeyStatus> {
  return withMasterKeys(home, variables, masterKeys => masterKeys.status())
}

/** A new key, as a source holds it. */
export function generateKey(): string {
  return formatMasterKey(newKey()).trim()
}

/** Undefined is none. */
export async function changePassphraseOffline(
  home: Home,
  variables: KeyVariables,
  next: string | undefined
): Promise<KeyStatus> {
  return withMasterKeys(home, variables, async masterKeys => {
    await masterKeys.changePassphrase(variables.passphrase, next)
    return masterKeys.status()
  })
}

/** Goes on with a rotation that was under way: whoever opens the store does. */
async function withMasterKeys<Result>(
  home: Home,
  variables: KeyVariables,
  run: (masterKeys: MasterKeys) => Promise<Result>
): Promise<Result> {
  const config = loadConfig(home)
  const source = openKeySource(home, config.key.command, variables)
  const engine = await openExisting(home, config.metadata.engine)
  try {
    const { keyring, record } = await unlockStore(engine, source)
    const descriptions = await readVolumes({ engine, volumesPath: home.volumes })
    const volumeFreeMin = config.volumes.reserve * 1024 * 1024
    const parts = { volumes: descriptions, storeId: record.id, volumeFreeMin }
    const volumes = await openVolumes(parts, () => undefined)
    const journaled = await takeUpJournal(
      engine,
      volumes,
      {
        masterKeys: keyring.memory,
        defaultLocation: record.defaultLocation,
        hasJournal: config.metadata.journal === 'on'
      },
      { report: () => undefined, log: silent }
    )
    const group = new GroupCommitter(journaled ?? engine, new ObjectSequences())
    const committer: Pick<Committer, 'mutate'> = {
      mutate: (name, parameters) => group.run(mutations[name], parameters)
    }
    const masterKeys = await MasterKeys.start({
      metadata: engine,
      committer,
      keyring,
      source,
      journal: journalWrappings(volumes),
      log: silent,
      onFatal: error => {
        throw error
      }
    })
    try {
      return await run(masterKeys)
    } finally {
      await masterKeys.stop()
      await group.close()
      await journaled?.leave()
    }
  } finally {
    await engine[Symbol.asyncDispose]()
  }
}

async function openExisting(
  home: Home,
  wanted: ReturnType<typeof loadConfig>['metadata']['engine']
): Promise<Engine> {
  const engine = await chooseEngine(home, wanted)
  const path = join(home.metadata, engine)
  if (existsSync(path)) return openEngine({ engine, path, handle: undefined })

  throw new R2dError('R2D_NO_MASTER_KEY', `There is no store in ${home.path}`, {
    hint: 'Give its home with --home or R2D_HOME'
  })
}
