/**
 * Repair's commit: an extent's replicas are those that are known to be right.
 *
 * Before it, every replica that it adds is durable. After a crash before the batch the copies are dead bytes, after one
 * behind it the replicas that the row named before are.
 */

import assert from 'node:assert/strict'
import {
  decodeExtentRecord,
  encodeExtentRecord,
  isSameReplicas,
  type Replica
} from '../extent-record.ts'
import { extentKey } from '../keys.ts'
import type { Transaction } from '../transaction.ts'

export interface SetReplicas {
  /** 16 bytes. */
  extentId: Buffer
  /** What the decision rests on: the row still names exactly these, or nothing is changed. */
  from: Replica[]
  to: Replica[]
}

/**
 * `gone`: nothing refers to the extent any more. `changed`: another has moved its replicas, or repaired them; what was
 * copied for this commit is dead bytes.
 */
export type SetReplicasResult = 'set' | 'gone' | 'changed'

export async function setReplicas(
  transaction: Transaction,
  { extentId, from, to }: SetReplicas
): Promise<SetReplicasResult> {
  assert(to.length >= 1)
  assert.equal(new Set(to.map(({ volume }) => volume)).size, to.length, 'One replica a volume')

  const row = await transaction.get(extentKey(extentId))
  if (row === undefined) return 'gone'
  const record = decodeExtentRecord(row.value)
  if (!isSameReplicas(record.replicas, from)) return 'changed'

  transaction.put(extentKey(extentId), encodeExtentRecord({ ...record, replicas: to }))
  return 'set'
}
