/**
 * Content that a commit is the first to refer to: its rows come with what refers to them.
 */

import { R2dError } from '../../errors.ts'
import type { PlacementPolicy } from '../../storage/extent-writer.ts'
import { encodeExtentRecord, type Replica } from '../extent-record.ts'
import { extentKey, manifestPageKey, repairKey } from '../keys.ts'
import { encodeRepairRecord } from '../repair-record.ts'
import type { Transaction } from '../transaction.ts'
import { admitReplicas } from './volume.ts'

/** An extent that this commit is the first to refer to. */
export interface NewExtent {
  id: Buffer
  /** Bytes of plaintext. */
  size: number
  replicas: Replica[]
  /** As its row is to say: zero, if its location decides. */
  replicaTarget: number
  /** Fewer replicas than it is to have: the commit queues it for repair. */
  isDegraded: boolean
  /** With fewer than these the commit is refused. */
  replicaCountMin: number
}

export function newExtent(
  { id, size }: { id: Buffer; size: number },
  replicas: Replica[],
  { replicaCount, replicaCountMin, replicaTarget }: PlacementPolicy
): NewExtent {
  const isDegraded = replicas.length < replicaCount
  return { id, size, replicas, replicaTarget, replicaCountMin, isDegraded }
}

/** A manifest page that this commit is the first to refer to. */
export interface NewPage {
  id: Buffer
  /** The encoded ManifestPageRecord, with one reference. */
  value: Buffer
}

/** Rows of extents and pages that are referred to for the first time. R2D_UNAVAILABLE: volumes have gone since it was written. */
export async function putContent(
  transaction: Transaction,
  { extents, pages, now }: { extents: readonly NewExtent[]; pages: readonly NewPage[]; now: number }
): Promise<void> {
  for (const { id, size, replicas, replicaTarget, replicaCountMin, isDegraded } of extents) {
    const { admitted, mayStay } = await admitReplicas(transaction, replicas)
    if (admitted.length < replicaCountMin) throw volumesGone()

    const record = { size, references: 1, replicaTarget, replicas: admitted }
    transaction.put(extentKey(id), encodeExtentRecord(record))
    if (mayStay && !isDegraded) continue
    const repair = { queued: now, replicaCount: admitted.length }
    transaction.put(repairKey(id), encodeRepairRecord(repair))
  }
  for (const { id, value } of pages) transaction.put(manifestPageKey(id), value)
}

function volumesGone(): R2dError {
  return new R2dError('R2D_UNAVAILABLE', 'A volume was taken out while content was written to it', {
    hint: 'Repeat the request'
  })
}
