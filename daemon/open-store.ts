/**
 * Opens the store that a home directory holds, or makes a new one there.
 *
 * The metadata engine comes first: its kernel lock is what keeps a second daemon out, and it goes
 * with the process. Each step of making a store is one commit and finds what an earlier, killed attempt left, so
 * that a start after a crash at any line goes on where that one stopped:
 *
 *     master key file -> store and location rows -> volumes -> volume rows -> first access key
 *
 * A key that is not the store's is refused before anything is written.
 */

import { randomBytes } from 'node:crypto'
import { dirname, join, relative, resolve } from 'node:path'
import { openSecret, sealSecret } from '../src/crypto/key-wrap.ts'
import { R2dError } from '../src/errors.ts'
import type { FileSystem } from '../src/file.ts'
import { absent, type Engine, type Put } from '../src/metadata/engine.ts'
import {
  locationKey,
  parseVolumeKey,
  storeKey,
  volumeKey,
  volumeRange
} from '../src/metadata/keys.ts'
import { encodeLocationRecord } from '../src/metadata/location-record.ts'
import {
  decodeStoreRecord,
  encodeStoreRecord,
  type StoreRecord
} from '../src/metadata/store-record.ts'
import { decodeVolumeRecord, encodeVolumeRecord } from '../src/metadata/volume-record.ts'
import { createVolume, hasSuperblock } from '../src/storage/superblock.ts'
import type { VolumeDescription } from '../src/storage/volume-set.ts'

/** The embedded default: one location of three directories, two replicas of everything. */
const defaultLocation = 'local'
const defaultVolumeCount = 3
const defaultReplicaCount = 2

export interface OpenedStore {
  record: StoreRecord
  masterKey: Buffer
  volumes: VolumeDescription[]
  isNew: boolean
}

export interface OpenStoreOptions {
  engine: Engine
  /** Directory in which the default volumes are made. */
  volumesPath: string
  /** The key of an existing store; rejects if there is none. */
  readMasterKey: () => Promise<Buffer>
  /** The key for a new store: the one that is there, or else a new one. */
  makeMasterKey: () => Promise<Buffer>
  now: number
  /** Where the volumes are. */
  files?: FileSystem
}

export async function openStore(options: OpenStoreOptions): Promise<OpenedStore> {
  const { engine } = options
  const row = await engine.get(storeKey())
  const isNew = row === undefined
  const { record, masterKey } = isNew
    ? await createStore(options)
    : await unlockStore(options, decodeStoreRecord(row.value))

  let volumes = await readVolumes(options)
  if (volumes.length === 0) {
    await createVolumes(options, record)
    volumes = await readVolumes(options)
  }

  return { record, masterKey, volumes, isNew }
}

async function unlockStore(
  { readMasterKey }: OpenStoreOptions,
  record: StoreRecord
): Promise<{ record: StoreRecord; masterKey: Buffer }> {
  const masterKey = await readMasterKey()
  const opened = openSecret(masterKey, 'store', record.id, record.keyCheck)
  if (opened?.equals(record.id) !== true) {
    throw new R2dError('R2D_WRONG_MASTER_KEY', 'The master key is not the one of this store', {
      hint: 'Give the key that the store was made with; nothing was changed'
    })
  }

  return { record, masterKey }
}

async function createStore({
  engine,
  volumesPath,
  makeMasterKey,
  now,
  files
}: OpenStoreOptions): Promise<{ record: StoreRecord; masterKey: Buffer }> {
  for (const path of volumePaths(volumesPath)) {
    if (!(await hasSuperblock(path, files))) continue
    throw new R2dError('R2D_FOREIGN_VOLUME', `${path} is a volume, but there is no metadata`, {
      hint: 'Restore the metadata directory that belongs to it, or move the volumes away'
    })
  }

  const masterKey = await makeMasterKey()
  const id = randomBytes(16)
  const keyCheck = sealSecret(masterKey, 'store', id, id)
  const record: StoreRecord = { id, created: now, keyCheck, defaultLocation }
  await engine.commit({
    checks: [{ key: storeKey(), version: absent }],
    puts: [
      { key: storeKey(), value: encodeStoreRecord(record) },
      {
        key: locationKey(defaultLocation),
        value: encodeLocationRecord({
          replicaCount: defaultReplicaCount,
          replicaCountMin: defaultReplicaCount
        })
      }
    ],
    deletes: []
  })

  return { record, masterKey }
}

async function createVolumes(
  { engine, volumesPath, files }: OpenStoreOptions,
  { id: storeId }: StoreRecord
): Promise<void> {
  const home = dirname(volumesPath)
  const puts: Put[] = []
  for (const [index, path] of volumePaths(volumesPath).entries()) {
    const number = index + 1
    const { id } = await createVolume(path, { storeId, number }, files)
    const value = encodeVolumeRecord({
      id,
      path: relative(home, path),
      location: defaultLocation,
      failureDomain: '',
      state: 'active'
    })
    puts.push({ key: volumeKey(number), value })
  }

  await engine.commit({ checks: [], puts, deletes: [] })
}

function volumePaths(volumesPath: string): string[] {
  return Array.from({ length: defaultVolumeCount }, (_, index) =>
    join(volumesPath, `volume-${index + 1}`)
  )
}

/** A relative path is under the home, so that a store can be moved as a whole. */
async function readVolumes({
  engine,
  volumesPath
}: OpenStoreOptions): Promise<VolumeDescription[]> {
  const home = dirname(volumesPath)
  await using cursor = engine.scan(volumeRange())
  const entries = await cursor.read(0xffff)

  return entries.flatMap(({ key, value }) => {
    const { id, path, location, failureDomain, state } = decodeVolumeRecord(value)
    if (state === 'removed') return []
    const number = parseVolumeKey(key)
    return [{ number, id, path: resolve(home, path), location, failureDomain, recorded: state }]
  })
}
