/**
 * Volumes come, are emptied, and go.
 *
 *     active <-> draining -> leaving -> removed
 *        any of these -> lost -> removed
 *
 * A write may be long under way when its volume is to go. What keeps its commit from naming a volume that is out is
 * the state in the volume's row, which every commit of new replicas reads (`admitReplicas`): after `leaving` is committed no row
 * that does not name the volume comes to name it, so that a scan from then on proves that none does.
 */

import { R2dError } from '../../errors.ts'
import type { Replica } from '../extent-record.ts'
import { locationKey, volumeKey } from '../keys.ts'
import type { Transaction } from '../transaction.ts'
import {
  decodeVolumeRecord,
  encodeVolumeRecord,
  type RecordedVolumeState,
  type VolumeRecord
} from '../volume-record.ts'

export interface AddVolume {
  number: number
  record: VolumeRecord
  /** The volume whose place it takes, whose content is lost. */
  replaced?: number | undefined
}

/** R2D_CONFLICT: the number is taken. */
export async function addVolume(
  transaction: Transaction,
  { number, record, replaced }: AddVolume
): Promise<void> {
  if ((await transaction.get(volumeKey(number))) !== undefined) {
    throw new R2dError('R2D_CONFLICT', `Volume ${number} exists`)
  }
  if ((await transaction.get(locationKey(record.location))) === undefined) {
    throw new R2dError('R2D_INVALID_LOCATION', `There is no location ${record.location}`)
  }

  if (replaced !== undefined) {
    const before = await requireVolume(transaction, replaced)
    transaction.put(volumeKey(replaced), encodeVolumeRecord({ ...before, state: 'lost' }))
  }
  transaction.put(volumeKey(number), encodeVolumeRecord(record))
}

export interface SetVolumeState {
  number: number
  /** What it must be now. */
  from: RecordedVolumeState[]
  to: RecordedVolumeState
}

/** R2D_NO_SUCH_VOLUME; R2D_CONFLICT: it is in another state. */
export async function setVolumeState(
  transaction: Transaction,
  { number, from, to }: SetVolumeState
): Promise<void> {
  const record = await requireVolume(transaction, number)
  if (!from.includes(record.state)) {
    throw new R2dError('R2D_CONFLICT', `Volume ${number} is ${record.state}`)
  }

  transaction.put(volumeKey(number), encodeVolumeRecord({ ...record, state: to }))
}

export interface ConfirmVolume {
  number: number
}

/**
 * Changes nothing, and is durable when it resolves: no commit of before it comes to be there later. One that failed may be in the journal
 * alone, where a start would find it, until another commit has taken its place.
 */
export async function confirmVolume(
  transaction: Transaction,
  { number }: ConfirmVolume
): Promise<void> {
  const key = volumeKey(number)
  const row = await transaction.get(key)
  if (row === undefined) transaction.delete(key)
  else transaction.put(key, row.value)
}

async function requireVolume(transaction: Transaction, number: number): Promise<VolumeRecord> {
  const row = await transaction.get(volumeKey(number))
  if (row !== undefined) return decodeVolumeRecord(row.value)

  throw new R2dError('R2D_NO_SUCH_VOLUME', `There is no volume ${number}`)
}

/**
 * The replicas that a commit may name, and whether all of them may stay: those on a volume that is being emptied are to
 * be moved like those that are there already.
 */
export async function admitReplicas(
  transaction: Transaction,
  replicas: readonly Replica[]
): Promise<{ admitted: Replica[]; mayStay: boolean }> {
  const admitted: Replica[] = []
  let mayStay = true
  for (const replica of replicas) {
    const row = await transaction.get(volumeKey(replica.volume))
    const state = row === undefined ? 'active' : decodeVolumeRecord(row.value).state
    if (state === 'active' || state === 'draining') admitted.push(replica)
    if (state !== 'active') mayStay = false
  }
  return { admitted, mayStay }
}

/** Whether one of them is on a volume whose content counts for nothing by now. */
export async function areLost(
  transaction: Transaction,
  replicas: readonly Replica[]
): Promise<boolean> {
  for (const { volume } of replicas) {
    const row = await transaction.get(volumeKey(volume))
    const state = row === undefined ? 'active' : decodeVolumeRecord(row.value).state
    if (state === 'lost' || state === 'removed') return true
  }
  return false
}
