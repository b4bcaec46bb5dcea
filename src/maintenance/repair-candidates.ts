/**
 * Extents that the rows alone say are not whole: those that have a repair row, and those that name fewer volumes in good
 * order than they are to be on.
 *
 * Candidates come with their risk, the replicas that they have left. They are not collected: whoever wants those at
 * most risk first goes over the rows once for each degree of it.
 */

import type { Engine } from '../metadata/engine.ts'
import { decodeExtentRecord, type ExtentRecord } from '../metadata/extent-record.ts'
import { extentKey, parseRepairKey, repairKey, repairRange } from '../metadata/keys.ts'
import { decodeRepairRecord } from '../metadata/repair-record.ts'
import { recordSize } from '../storage/segment-format.ts'
import type { VolumeSet } from '../storage/volume-set.ts'
import { extentPages } from './extent-pages.ts'
import { locationOf, targetOf } from './replica-standing.ts'
import { rowPages } from './row-pages.ts'

export interface RepairCandidate {
  /** 16 bytes. */
  extentId: Buffer
  /** Replicas that count: the fewer, the more it is at risk. */
  left: number
  /** Bytes of records that are to be copied. */
  bytes: number
  /** Of its repair row, milliseconds since the epoch; undefined if it has none. */
  queued: number | undefined
}

/** How replicas are counted: by number of the volume. */
export interface Counting {
  volumes: VolumeSet
  targets: ReadonlyMap<string, number>
  isCounted: (volume: number) => boolean
}

type Reads = Pick<Engine, 'scan' | 'getMany'>

/** Those that have a repair row, in the order of their ids; empty pages, too. */
export async function* notedPages(
  metadata: Reads,
  counting: Counting,
  signal: AbortSignal
): AsyncGenerator<RepairCandidate[], void, undefined> {
  for await (const entries of rowPages(metadata, repairRange(), signal)) {
    const ids = entries.map(({ key }) => parseRepairKey(key))
    const rows = await metadata.getMany(ids.map(extentKey))
    yield entries.map(({ value }, index) => {
      const { queued, replicaCount } = decodeRepairRecord(value)
      const row = rows[index]
      const record = row && decodeExtentRecord(row.value)
      const extentId = ids[index] ?? Buffer.alloc(0)
      // One that is gone: its repair row is to go, too, and that costs nothing.
      if (record === undefined) return { extentId, left: 0, bytes: 0, queued }
      const left = Math.min(replicaCount, countedOf(record, counting))
      return { extentId, left, bytes: bytesOf(record, counting, left), queued }
    })
  }
}

/** Those without a repair row whose row names fewer volumes that count than they are to have, or one that leaves. */
export async function* lackingPages(
  metadata: Reads,
  counting: Counting,
  signal: AbortSignal
): AsyncGenerator<RepairCandidate[], void, undefined> {
  for await (const page of extentPages(metadata, signal)) {
    const lacking = page.flatMap(({ id, record }): RepairCandidate[] => {
      const left = countedOf(record, counting)
      const bytes = bytesOf(record, counting, left)
      if (bytes === 0 && !isOutOfPlace(record, counting)) return []
      return [{ extentId: id, left, bytes, queued: undefined }]
    })
    if (lacking.length === 0) {
      yield lacking
      continue
    }
    const noted = await metadata.getMany(lacking.map(({ extentId }) => repairKey(extentId)))
    yield lacking.filter((_, index) => noted[index] === undefined)
  }
}

function countedOf({ replicas }: ExtentRecord, { isCounted }: Counting): number {
  return replicas.filter(({ volume }) => isCounted(volume)).length
}

/** Whether a replica is to go though enough others count: what is on a volume that leaves is not to be named any more. */
function isOutOfPlace({ replicas }: ExtentRecord, { volumes }: Counting): boolean {
  return replicas.some(({ volume }) => volumes.byNumber(volume)?.recorded !== 'active')
}

function bytesOf(record: ExtentRecord, { volumes, targets }: Counting, left: number): number {
  const target = targetOf(record, locationOf(volumes, record), targets)
  return Math.max(0, target - left) * recordSize(record.size)
}
