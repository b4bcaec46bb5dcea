/**
 * Compacts one sealed segment: what rows still name of it is written to another segment of the same volume, and its file goes.
 *
 *     walk -> live records read and verified -> appended, synced -> moveReplicas -> confirmVolume -> readers let go -> unlink
 *
 * Each step is behind the one before it is durable: a process that is killed between any two leaves dead copies, which the
 * next census finds. Nobody can come to refer to a record of it meanwhile: a segment is sealed only when all writes
 * have ended that had begun when it was left.
 *
 * A commit that failed may have named a record of it, and be in the journal alone: its write has ended, and a start would find
 * it there. So another commit has to succeed before the file goes, behind which nothing of before comes to be there.
 *
 * A live record that is damaged stays where it is, and so does the file, until repair has given the extent another
 * replica. Bytes that are no record may hold one whose header is damaged: then all extent rows have to be asked whether they
 * name the segment, which is not done here.
 */

import { crc32 } from 'node:zlib'
import type { Committer } from '../metadata/committer.ts'
import type { Engine } from '../metadata/engine.ts'
import { decodeExtentRecord, isSamePlace } from '../metadata/extent-record.ts'
import { extentKey } from '../metadata/keys.ts'
import type { FreedRecord } from '../metadata/mutations/release.ts'
import type { OperationRegister } from '../metadata/operation-register.ts'
import { errnoOf, type DataFile } from '../file.ts'
import type { ExtentWriter } from '../storage/extent-writer.ts'
import type { Replica } from '../storage/replica.ts'
import type { SegmentPlace } from '../storage/sealed-segments.ts'
import { openSegment, removeSegment } from '../storage/segment-files.ts'
import { decodeRecordHeader, recordHeaderSize } from '../storage/segment-format.ts'
import { walkSegment, type SegmentRecord } from '../storage/segment-walk.ts'
import type { Volume, VolumeSet } from '../storage/volume-set.ts'
import type { Pace } from './pace.ts'

/** Records that are looked up, and moved, in one commit at most. */
const stepCount = 256
/** Bytes of records that are held at once. */
const stepSize = 8 * 1024 * 1024

export interface DamagedReplica extends Replica {
  /** 16 bytes. */
  extentId: Buffer
  reason: string
}

export interface CompactionWork {
  metadata: Pick<Engine, 'getMany'>
  committer: Pick<Committer, 'mutate'>
  volumes: VolumeSet
  writer: Pick<ExtentWriter, 'append'>
  /** Writes of this thread. */
  writes: Pick<OperationRegister, 'begin'>
  pace: Pick<Pace, 'take'>
  /** Readers are to close the file. */
  retire: (place: SegmentPlace) => void
  /** A row names a record that is not right. */
  onDamage: (damaged: DamagedReplica) => void
  /** Records that no row names any more, or never did. */
  onFreed: (records: readonly FreedRecord[]) => void
}

/**
 * `removed`: its file is gone. `held`: it has live records that are damaged, or is not the segment that its name says.
 * `unclear`: it has bytes that are no records, and none live that was recognised. `stopped`: the volume takes no records, or has no
 * room for them, or the signal was aborted.
 */
export interface Compaction {
  outcome: 'removed' | 'held' | 'unclear' | 'stopped'
  /** Bytes of records that were moved. */
  moved: number
}

interface LiveRecord extends SegmentRecord {
  from: Replica
}

export async function compactSegment(
  work: CompactionWork,
  place: SegmentPlace,
  signal: AbortSignal
): Promise<Compaction> {
  const volume = work.volumes.byNumber(place.volume)
  if (volume === undefined || volume.state === 'failed') return { outcome: 'stopped', moved: 0 }
  let file: DataFile
  try {
    file = await openSegment(work.volumes.files, volume.path, place.segment)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return { outcome: 'removed', moved: 0 }
    throw error
  }

  // Copies have no row until they are committed.
  const endWrite = work.writes.begin()
  let compaction: Compaction
  try {
    compaction = await new SegmentMove(work, { place, volume, file }).run(signal)
  } finally {
    endWrite()
    await file.close()
  }
  if (compaction.outcome === 'removed') await unlinkSegment(work, volume, place)
  return compaction
}

/** For a segment that no row names. */
export async function unlinkSegment(
  { volumes, retire, committer }: Pick<CompactionWork, 'volumes' | 'retire' | 'committer'>,
  volume: Volume,
  place: SegmentPlace
): Promise<void> {
  await committer.mutate('confirmVolume', { number: volume.number })
  retire(place)
  await removeSegment(volumes.files, volume.path, place.segment)
}

class SegmentMove {
  readonly #work: CompactionWork
  readonly #place: SegmentPlace
  readonly #volume: Volume
  readonly #file: DataFile
  #moved = 0
  #damagedCount = 0
  /** Bytes that are no records. */
  #unrecognised = 0
  #isForeign = false

  constructor(
    work: CompactionWork,
    { place, volume, file }: { place: SegmentPlace; volume: Volume; file: DataFile }
  ) {
    this.#work = work
    this.#place = place
    this.#volume = volume
    this.#file = file
  }

  async run(signal: AbortSignal): Promise<Compaction> {
    const { pace, volumes } = this.#work
    const { storeId } = volumes
    const expected = { storeId, volumeId: this.#volume.id, segmentNumber: this.#place.segment }
    for await (const items of walkSegment(this.#file, { expected })) {
      const records: SegmentRecord[] = []
      for (const item of items) {
        if (item.kind === 'record') records.push(item)
        else if (item.offset > 0) this.#unrecognised += item.size
        else if (item.kind === 'damaged' && item.fault === 'foreign') this.#isForeign = true
      }
      if (this.#isForeign) break
      for (let first = 0; first < records.length; first += stepCount) {
        if (signal.aborted) return this.#ended('stopped')
        const step = records.slice(first, first + stepCount)
        if (!(await this.#moveLive(step, signal))) return this.#ended('stopped')
      }
      await pace.take(items.length * recordHeaderSize, signal)
    }
    if (signal.aborted) return this.#ended('stopped')

    if (this.#damagedCount > 0 || this.#isForeign) return this.#ended('held')
    return this.#ended(this.#unrecognised > 0 ? 'unclear' : 'removed')
  }

  #ended(outcome: Compaction['outcome']): Compaction {
    return { outcome, moved: this.#moved }
  }

  /** False: the volume does not take them. */
  async #moveLive(records: readonly SegmentRecord[], signal: AbortSignal): Promise<boolean> {
    let step: LiveRecord[] = []
    let size = 0
    for (const record of await this.#liveOf(records)) {
      if (size + record.size > stepSize && step.length > 0) {
        if (!(await this.#move(step))) return false
        step = []
        size = 0
      }
      await this.#work.pace.take(2 * record.size, signal)
      step.push(record)
      size += record.size
    }
    return step.length === 0 || this.#move(step)
  }

  async #liveOf(records: readonly SegmentRecord[]): Promise<LiveRecord[]> {
    const keys = records.map(({ extentId }) => extentKey(extentId))
    const rows = await this.#work.metadata.getMany(keys)

    return records.flatMap((record, index) => {
      const row = rows[index]
      const from = { ...this.#place, offset: record.offset }
      const isLive =
        row !== undefined &&
        decodeExtentRecord(row.value).replicas.some(replica => isSamePlace(replica, from))
      return isLive ? [{ ...record, from }] : []
    })
  }

  async #move(live: readonly LiveRecord[]): Promise<boolean> {
    const { writer, committer, volumes, onFreed } = this.#work
    const whole: { record: LiveRecord; bytes: Buffer }[] = []
    for (const record of live) {
      const bytes = await this.#read(record)
      if (bytes !== undefined) whole.push({ record, bytes })
    }
    if (whole.length === 0) return true
    const size = whole.reduce((sum, { bytes }) => sum + bytes.length, 0)
    if (!(await volumes.hasRoom(this.#volume, size))) return false

    const copies = await Promise.all(
      whole.map(({ bytes }) =>
        writer.append({ buffers: [bytes], size: bytes.length }, this.#volume)
      )
    )
    const moves = whole.flatMap(({ record: { extentId, from } }, index) => {
      const to = copies[index]
      return to === undefined ? [] : [{ extentId, from, to }]
    })
    const isMoved = await committer.mutate('moveReplicas', { moves })
    for (const [index, { to, from }] of moves.entries()) {
      const size = live.find(({ offset }) => offset === from.offset)?.size ?? 0
      // One of the two has no row now.
      const { volume, segment } = isMoved[index] === true ? from : to
      if (isMoved[index] === true) this.#moved += size
      onFreed([{ volume, segment, size }])
    }
    return moves.length === whole.length
  }

  /** Undefined if it is damaged, which is then told. */
  async #read(record: LiveRecord): Promise<Buffer | undefined> {
    const reason = await this.#fill(record)
    if (Buffer.isBuffer(reason)) return reason

    this.#damagedCount++
    this.#work.onDamage({ ...record.from, extentId: record.extentId, reason })
    return undefined
  }

  async #fill({ offset, size, extentId, payloadCheck }: LiveRecord): Promise<Buffer | string> {
    const bytes = Buffer.allocUnsafeSlow(size)
    try {
      const count = await this.#file.read(bytes, offset)
      if (count < size) return `the segment ends after ${count} of the record's ${size} bytes`
    } catch (error) {
      return error instanceof Error ? error.message : String(error)
    }
    const { header } = decodeRecordHeader(bytes)
    if (header?.extentId.equals(extentId) !== true) return "the record's header is not right"
    const isRight = crc32(bytes.subarray(recordHeaderSize)) === payloadCheck
    return isRight ? bytes : "the payload's checksum does not match"
  }
}
