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
import { dirname, join } from 'node:path'
import { Keyring, masterKeyId } from '../src/crypto/keyring.ts'
import { R2dError } from '../src/errors.ts'
import type { FileSystem } from '../src/file.ts'
import { absent, type Engine, type Put } from '../src/metadata/engine.ts'
import { locationKey, storeKey, volumeKey, volumeRange } from '../src/metadata/keys.ts'
import { encodeLocationRecord } from '../src/metadata/location-record.ts'
import {
  decodeStoreRecord,
  encodeStoreRecord,
  type StoreRecord
} from '../src/metadata/store-record.ts'
import { encodeVolumeRecord } from '../src/metadata/volume-record.ts'
import { describeMasterKey, isMasterKey } from '../src/objects/rotate-master-key.ts'
import { createVolume, hasSuperblock } from '../src/storage/superblock.ts'
import type { VolumeDescription } from '../src/storage/volume-set.ts'
import type { KeySource } from './key-source.ts'
import { pathInRow, readVolumeRows } from './volume-rows.ts'

/** The embedded default: one location of three directories, two replicas of everything. */
const defaultLocation = 'local'
const defaultVolumeCount = 3
const defaultReplicaCount = 2

export interface OpenedStore {
  record: StoreRecord
  keyring: Keyring
  volumes: VolumeDescription[]
  isNew: boolean
}

export interface OpenStoreOptions {
  engine: Engine
  /** Directory in which the default volumes are made. */
  volumesPath: string
  /** Rejects if there is none; makes one for a new store. */
  keySource: Pick<KeySource, 'read' | 'make'>
  now: number
  /** Where the volumes are. */
  files?: FileSystem
}

export async function openStore(options: OpenStoreOptions): Promise<OpenedStore> {
  const { engine, keySource } = options
  const isNew = (await engine.get(storeKey())) === undefined
  const { record, keyring } = isNew
    ? await createStore(options)
    : await unlockStore(engine, keySource)

  if (!(await hasVolumes(engine))) await createVolumes(options, record)

  return { record, keyring, volumes: await readVolumes(options), isNew }
}

/** R2D_WRONG_MASTER_KEY unless every key that rows may be wrapped under is given. */
export async function unlockStore(
  engine: Engine,
  keySource: Pick<KeySource, 'read'>
): Promise<{ record: StoreRecord; keyring: Keyring }> {
  const row = await engine.get(storeKey())
  if (row === undefined) {
    throw new R2dError('R2D_NO_MASTER_KEY', 'The metadata is of a store that was not made yet', {
      hint: 'Start the daemon: r2d up'
    })
  }

  const record = decodeStoreRecord(row.value)
  const { id, key, next } = record
  const given = await keySource.read()
  const current = given.find(each => isMasterKey(each, id, key))
  if (next === undefined) {
    if (current === undefined) throw wrongKey(record, given)
    return { record, keyring: Keyring.of(current) }
  }

  const wanted = given.find(each => isMasterKey(each, id, next))
  if (current === undefined || wanted === undefined) throw missingKey(record, given)
  const keyring = Keyring.of(current)
  keyring.add(wanted)
  keyring.swap()
  return { record, keyring }
}

function wrongKey({ key }: StoreRecord, given: readonly Buffer[]): R2dError {
  return new R2dError(
    'R2D_WRONG_MASTER_KEY',
    `The master key is not the one of this store, which is ${key.id.toString('hex')}; given was ${namesOf(given)}`,
    { hint: 'Give the key that the store was last rotated to, or made with; nothing was changed' }
  )
}

function missingKey({ key, next }: StoreRecord, given: readonly Buffer[]): R2dError {
  const needed = [next ?? key, key].map(({ id }) => id.toString('hex'))
  return new R2dError(
    'R2D_WRONG_MASTER_KEY',
    `The master key is being rotated: both keys are needed, ${needed.join(' and ')}; given was ${namesOf(given)}`,
    { hint: 'Give both, the new one first, with a space between; nothing was changed' }
  )
}

function namesOf(keys: readonly Buffer[]): string {
  return keys.map(key => masterKeyId(key).toString('hex')).join(' and ')
}

/** R2D_FOREIGN_VOLUME: what has no metadata any more is not taken over by a new store. */
export async function requireNoVolumes(volumesPath: string, files?: FileSystem): Promise<void> {
  for (const path of volumePaths(volumesPath)) {
    if (!(await hasSuperblock(path, files))) continue
    throw new R2dError('R2D_FOREIGN_VOLUME', `${path} is a volume, but there is no metadata`, {
      hint: 'Make the metadata again from the volumes: r2d meta rebuild. Or move the volumes away'
    })
  }
}

async function createStore({
  engine,
  volumesPath,
  keySource,
  now,
  files
}: OpenStoreOptions): Promise<{ record: StoreRecord; keyring: Keyring }> {
  await requireNoVolumes(volumesPath, files)
  const masterKey = await keySource.make()
  const id = randomBytes(16)
  const key = describeMasterKey(masterKey, id, now)
  const record: StoreRecord = { id, created: now, key, next: undefined, defaultLocation }
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

  return { record, keyring: Keyring.of(masterKey) }
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
      path: pathInRow(path, home),
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

/** Those that were removed count: a store is given its first volumes once. */
async function hasVolumes(engine: Engine): Promise<boolean> {
  await using cursor = engine.scan(volumeRange())
  return (await cursor.read(1)).length > 0
}

export async function readVolumes({
  engine,
  volumesPath
}: Pick<OpenStoreOptions, 'engine' | 'volumesPath'>): Promise<VolumeDescription[]> {
  const rows = await readVolumeRows(engine, dirname(volumesPath))
  return rows.flatMap(({ number, id, directory: path, location, failureDomain, state }) =>
    state === 'removed' ? [] : [{ number, id, path, location, failureDomain, recorded: state }]
  )
}
