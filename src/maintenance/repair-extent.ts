/**
 * Repairs one extent: every replica that its row names is read and verified, what is missing is copied from one that
 * is right, and the row is set to those that are.
 *
 *     row -> verdict on each replica -> copies, durable -> setReplicas, if the row is as it was
 *
 * No key is needed: records are copied as they stand. Nothing that is right is given up before its successor is
 * durable, and nothing is given up at all while no replica is right: what cannot be read today may be tomorrow.
 * Deletion, compaction and other repairs may run meanwhile: the commit holds only if the row still names what was read.
 */

import assert from 'node:assert/strict'
import type { Committer } from '../metadata/committer.ts'
import type { Engine } from '../metadata/engine.ts'
import { decodeExtentRecord, isSameReplicas, type ExtentRecord } from '../metadata/extent-record.ts'
import { extentKey } from '../metadata/keys.ts'
import type { OperationRegister } from '../metadata/operation-register.ts'
import type { ExtentWriter } from '../storage/extent-writer.ts'
import { readRecord } from '../storage/record-reader.ts'
import { recordSize } from '../storage/segment-format.ts'
import type { Replica } from '../storage/replica.ts'
import type { EncodedRecord } from '../storage/segment-writer.ts'
import type { Volume, VolumeSet } from '../storage/volume-set.ts'
import { isHome, isVoid, locationOf, readTargets, targetOf } from './replica-standing.ts'

export interface RepairWork {
  metadata: Pick<Engine, 'get' | 'scan'>
  committer: Pick<Committer, 'mutate'>
  volumes: VolumeSet
  writer: Pick<ExtentWriter, 'copy'>
  /** Resolves when so many bytes of a replica may be read; at once, if it is left out. */
  take?: (bytes: number) => Promise<void>
  /** Writes of this thread: a copy has no row until it is committed. */
  writes: Pick<OperationRegister, 'begin'>
}

/** What became of an extent. Bytes are those of records that were copied. */
export type RepairOutcome =
  /** It has no row: nothing refers to it. */
  | { kind: 'gone' }
  /** Its replicas are right and as many as they are to be; nothing was done. */
  | { kind: 'whole' }
  | { kind: 'repaired'; copied: number; bytes: number }
  /** It has `missing` replicas fewer than it is to have, because no more volumes can take one. */
  | { kind: 'short'; copied: number; bytes: number; missing: number }
  /** No replica is right. Its row is as it was. */
  | { kind: 'lost'; reasons: string[] }

/**
 * How a replica stands. `passing`: on a volume that it is not to stay on, whether it can be read there or not; `void`:
 * on one whose content counts for nothing.
 */
type Standing = 'right' | 'damaged' | 'passing' | 'void'

interface Verdict {
  replica: Replica
  volume: Volume | undefined
  standing: Standing
  /** Why it could not be read, if it was tried. */
  reason?: string
}

interface Examination {
  verdicts: Verdict[]
  /** From a replica that is right. */
  record: EncodedRecord | undefined
}

/** How often the row may change under a repair before that waits for its next turn. */
const attemptCountMax = 5

/** Undefined: the row was changed again and again; the extent is to be looked at later. Rejects as the committer does. */
export async function repairExtent(
  work: RepairWork,
  extentId: Buffer
): Promise<RepairOutcome | undefined> {
  const endWrite = work.writes.begin()
  try {
    for (let attempt = 0; attempt < attemptCountMax; attempt++) {
      const row = await work.metadata.get(extentKey(extentId))
      if (row === undefined) return { kind: 'gone' }

      const outcome = await repairRow(work, extentId, decodeExtentRecord(row.value))
      if (outcome !== undefined) return outcome
    }
    return undefined
  } finally {
    endWrite()
  }
}

/** Undefined if the row has changed. */
async function repairRow(
  work: RepairWork,
  extentId: Buffer,
  row: ExtentRecord
): Promise<RepairOutcome | undefined> {
  const { verdicts, record } = await examine(work, extentId, row)
  if (record === undefined) {
    return { kind: 'lost', reasons: verdicts.map(({ reason = 'its volume is gone' }) => reason) }
  }

  const location = locationOf(work.volumes, row)
  assert(location !== undefined, 'A record was read, so one of the volumes is there')
  const target = targetOf(row, location, await readTargets(work.metadata))
  const right = verdicts.filter(({ standing }) => standing === 'right')
  const wanted = Math.max(0, target - right.length)
  const copies = wanted === 0 ? [] : await copy(work, verdicts, record, { location, wanted })
  const missing = wanted - copies.length

  const replicas = missing === 0 ? right.map(toReplica) : kept(verdicts, copies)
  const to = [...replicas, ...copies]
  const copied = { copied: copies.length, bytes: copies.length * record.size }
  if (!isSameReplicas(row.replicas, to)) {
    const set = { extentId, from: row.replicas, to, isWhole: missing === 0 }
    const result = await work.committer.mutate('setReplicas', set)
    if (result === 'gone') return { kind: 'gone' }
    if (result === 'changed') return undefined
  } else if (missing === 0) {
    return { kind: 'whole' }
  }

  return missing === 0 ? { kind: 'repaired', ...copied } : { kind: 'short', ...copied, missing }
}

/**
 * One replica after the other, so that no more than two records are held. Those that are not to stay where they are
 * only matter while nothing else is right: a disk that is failing or leaving is not read for more than that.
 */
async function examine(
  { volumes, take }: RepairWork,
  extentId: Buffer,
  { size, replicas }: ExtentRecord
): Promise<Examination> {
  const expected = { id: extentId, size }
  const verdicts = replicas.map((replica): Verdict => ({
    replica,
    volume: volumes.byNumber(replica.volume),
    standing: 'void'
  }))
  let source: EncodedRecord | undefined
  const read = async (verdict: Verdict, volume: Volume): Promise<boolean> => {
    await take?.(recordSize(size))
    const { record, reason } = await readRecord(
      volumes.files,
      volume.path,
      verdict.replica,
      expected
    )
    if (reason !== undefined) verdict.reason = reason
    source ??= record
    return record !== undefined
  }

  for (const verdict of verdicts) {
    const { volume } = verdict
    if (volume === undefined || isVoid(volume)) continue
    if (isHome(volume)) {
      verdict.standing = (await read(verdict, volume)) ? 'right' : 'damaged'
    }
  }
  for (const verdict of verdicts) {
    const { volume } = verdict
    if (volume === undefined || isVoid(volume)) continue
    if (!isHome(volume)) {
      verdict.standing = 'passing'
      if (source === undefined) await read(verdict, volume)
    }
  }
  return { verdicts, record: source }
}

/** On volumes that the extent is not on, as far as there are any; then on those where its replica is damaged. */
async function copy(
  { writer, volumes }: RepairWork,
  verdicts: readonly Verdict[],
  record: EncodedRecord,
  { location, wanted }: { location: string; wanted: number }
): Promise<Replica[]> {
  const occupied = verdicts.flatMap(({ volume }) => volume ?? [])
  const elsewhere = await writer.copy(record, { location, count: wanted, taken: occupied })
  const left = wanted - elsewhere.length
  if (left === 0) return elsewhere

  const used = new Set(elsewhere.map(({ volume }) => volume))
  const taken = [
    ...verdicts.flatMap(({ volume, standing }) => (standing === 'damaged' ? [] : (volume ?? []))),
    ...volumes.all().filter(({ number }) => used.has(number))
  ]
  const again = await writer.copy(record, { location, count: left, taken })
  return [...elsewhere, ...again]
}

/** While replicas are missing, all that may still be of use stays: a damaged one has most of its frames. */
function kept(verdicts: readonly Verdict[], copies: readonly Replica[]): Replica[] {
  const renewed = new Set(copies.map(({ volume }) => volume))
  return verdicts
    .filter(({ replica, standing }) => standing !== 'void' && !renewed.has(replica.volume))
    .map(toReplica)
}

function toReplica({ replica }: Verdict): Replica {
  return replica
}
