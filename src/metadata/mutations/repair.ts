/**
 * The commits of repair: an extent's replicas are those that are known to be right, and its repair row is there exactly
 * while it is known not to be whole.
 *
 * Before `setReplicas`, every replica that it adds is durable. After a crash before the batch the copies are dead bytes, after
 * one behind it the replicas that the row named before are.
 */

import assert from 'node:assert/strict'
import {
  decodeExtentRecord,
  encodeExtentRecord,
  isSameReplicas,
  type Replica
} from '../extent-record.ts'
import { extentKey, repairKey } from '../keys.ts'
import { decodeRepairRecord, encodeRepairRecord } from '../repair-record.ts'
import type { Transaction } from '../transaction.ts'
import { admitReplicas, areLost } from './volume.ts'

export interface SetReplicas {
  /** 16 bytes. */
  extentId: Buffer
  /** What the decision rests on: the row still names exactly these, or nothing is changed. */
  from: Replica[]
  to: Replica[]
  /** Nothing is missing any more: its repair row goes. */
  isWhole: boolean
}

/**
 * `gone`: nothing refers to the extent any more. `changed`: another has moved its replicas, or repaired them; what was
 * copied for this commit is dead bytes.
 */
export type SetReplicasResult = 'set' | 'gone' | 'changed'

export async function setReplicas(
  transaction: Transaction,
  { extentId, from, to, isWhole }: SetReplicas
): Promise<SetReplicasResult> {
  assert(to.length >= 1)
  assert.equal(new Set(to.map(({ volume }) => volume)).size, to.length, 'One replica a volume')

  const row = await transaction.get(extentKey(extentId))
  const record = row && decodeExtentRecord(row.value)
  if (record !== undefined && !isSameReplicas(record.replicas, from)) return 'changed'

  const added = to.filter(({ volume }) => !from.some(replica => replica.volume === volume))
  // A volume that is on its way out since the copy was made is not to be named: another takes it.
  // A copy on a volume that began to be emptied meanwhile would stay behind.
  const { admitted, mayStay } = await admitReplicas(transaction, added)
  if (admitted.length < added.length || !mayStay) return 'changed'
  // What is given up rests on those that stay: a volume that was lost meanwhile has none of them.
  const stays = to.filter(replica => !added.includes(replica))
  if (await areLost(transaction, stays)) return 'changed'

  const noted = await transaction.get(repairKey(extentId))
  if (noted !== undefined && (isWhole || record === undefined)) {
    transaction.delete(repairKey(extentId))
  }
  if (record === undefined) return 'gone'
  transaction.put(extentKey(extentId), encodeExtentRecord({ ...record, replicas: to }))
  return 'set'
}

export interface SettleRepair {
  /** 16 bytes. */
  extentId: Buffer
  /** Of the repair row that was looked at: one that was noted anew since stays. */
  queued: number
}

/** Takes away the repair row of an extent that is whole, or gone. */
export async function settleRepair(
  transaction: Transaction,
  { extentId, queued }: SettleRepair
): Promise<void> {
  const row = await transaction.get(repairKey(extentId))
  if (row === undefined || decodeRepairRecord(row.value).queued !== queued) return

  transaction.delete(repairKey(extentId))
}

export interface NoteRepairs {
  /** 16 bytes each, each once. */
  extentIds: Buffer[]
  /** Milliseconds since the epoch. */
  now: number
}

/** Queues extents for repair so that no kill forgets them: what is gone by now is left out. */
export async function noteRepairs(
  transaction: Transaction,
  { extentIds, now }: NoteRepairs
): Promise<void> {
  const rows = await transaction.getMany(extentIds.map(id => extentKey(id)))
  for (const [index, id] of extentIds.entries()) {
    const row = rows[index]
    if (row === undefined) continue
    // One at least is not right, as far as is known.
    const replicaCount = Math.max(1, decodeExtentRecord(row.value).replicas.length - 1)
    transaction.put(repairKey(id), encodeRepairRecord({ queued: now, replicaCount }))
  }
}
