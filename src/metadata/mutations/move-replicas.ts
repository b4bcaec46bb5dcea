/**
 * Compaction's commit: replicas stand at another place of the same volume.
 *
 * Before it, the records are durable at their new places. After a crash before the batch those are dead bytes, after one
 * behind it the old ones are.
 */

import assert from 'node:assert/strict'
import {
  decodeExtentRecord,
  encodeExtentRecord,
  isSamePlace,
  type Replica
} from '../extent-record.ts'
import { extentKey } from '../keys.ts'
import type { Transaction } from '../transaction.ts'

export interface ReplicaMove {
  /** 16 bytes. */
  extentId: Buffer
  from: Replica
  to: Replica
}

export interface MoveReplicas {
  /** No two of one extent. */
  moves: ReplicaMove[]
}

/**
 * Whether each was moved. It was not if nothing refers to the extent any more, or its row does not name the old place: the
 * copy is dead bytes then.
 */
export async function moveReplicas(
  transaction: Transaction,
  { moves }: MoveReplicas
): Promise<boolean[]> {
  const rows = await transaction.getMany(moves.map(({ extentId }) => extentKey(extentId)))

  return moves.map(({ extentId, from, to }, index) => {
    assert(from.volume === to.volume)
    const row = rows[index]
    const record = row && decodeExtentRecord(row.value)
    if (record?.replicas.some(replica => isSamePlace(replica, from)) !== true) return false

    const replicas = record.replicas.map(replica => (isSamePlace(replica, from) ? to : replica))
    transaction.put(extentKey(extentId), encodeExtentRecord({ ...record, replicas }))
    return true
  })
}
