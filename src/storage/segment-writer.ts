/**
 * Appends records to one volume's segments, with one write and one fdatasync for all that wait.
 *
 * What arrives while a group is being written and synced is the next group. A segment belongs to the writer that
 * began it and is never appended to again after it: a new writer, as after a crash, begins a new segment, so that there
 * is no end to find and no torn record in front of a good one.
 *
 * After a write or sync that failed, nothing is known of the segment's tail, and syncing again would prove
 * nothing (the kernel has dropped the dirty pages): the segment is left, and the whole group fails.
 */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { R2dError } from '../errors.ts'
import { errnoOf, type DataFile, type FileSystem } from '../file.ts'
import { segmentSizeMax } from '../limits.ts'
import type { SealedExtent } from './extent.ts'
import {
  encodeRecordHeader,
  encodeSegmentHeader,
  segmentHeaderSize,
  segmentName
} from './segment-format.ts'
import { segmentsName } from './superblock.ts'

/** Bytes of one group at most: what is written before anybody hears of it. */
const groupSizeMax = 32 * 1024 * 1024

/** An extent as it stands in a segment: encoded once for all its replicas. */
export interface EncodedRecord {
  buffers: readonly Uint8Array[]
  size: number
}

export function encodeRecord({ id, size, frames }: SealedExtent): EncodedRecord {
  let payloadSize = 0
  let payloadCheck = 0
  for (const frame of frames) {
    payloadSize += frame.length
    payloadCheck = crc32(frame, payloadCheck)
  }

  const header = encodeRecordHeader({ extentId: id, plainSize: size, payloadSize, payloadCheck })
  return { buffers: [header, ...frames], size: header.length + payloadSize }
}

export interface RecordPlace {
  segment: number
  /** Of the record's first byte. */
  offset: number
}

interface Waiting {
  record: EncodedRecord
  resolve: (place: RecordPlace) => void
  reject: (error: unknown) => void
}

export interface SegmentWriterOptions {
  path: string
  storeId: Buffer
  volumeId: Buffer
  volumeNumber: number
  files: FileSystem
  /** Milliseconds since the epoch. */
  now: () => number
  /** Told of each segment when its file is there, and when nothing more is appended to it. */
  onBegin?: (segment: number) => void
  onLeave?: (segment: number) => void
}

export class SegmentWriter {
  readonly #options: SegmentWriterOptions
  #queue: Waiting[] = []
  #running: Promise<void> | undefined
  #open: { file: DataFile; number: number; end: number } | undefined
  /** When the last group was begun, on the clock of `now`. */
  #lastGroup = 0
  #lastNumber = 0
  #isClosed = false

  constructor(options: SegmentWriterOptions) {
    this.#options = options
  }

  /** Durable on return. Rejects with the file system's error; the record is then nowhere. */
  append(record: EncodedRecord): Promise<RecordPlace> {
    if (this.#isClosed) {
      return Promise.reject(new R2dError('R2D_UNAVAILABLE', 'The daemon is stopping'))
    }
    return new Promise((resolve, reject) => {
      this.#queue.push({ record, resolve, reject })
      this.#running ??= this.#run()
    })
  }

  /** What was appended before is settled on return. */
  async close(): Promise<void> {
    this.#isClosed = true
    await this.#running
    await this.#leaveSegment()
  }

  /** Leaves this segment if it is the open one and nothing was appended for so many milliseconds. */
  async leaveIdle(segment: number, idleMs: number): Promise<void> {
    if (this.#open?.number !== segment || this.#running !== undefined) return
    if (this.#options.now() - this.#lastGroup >= idleMs) await this.#leaveSegment()
  }

  async #run(): Promise<void> {
    // What is appended in the same turn is in the first group.
    await Promise.resolve()
    while (this.#queue.length > 0) {
      const group = this.#takeGroup()
      try {
        const places = await this.#writeGroup(group)
        for (const [index, { resolve }] of group.entries()) {
          const place = places[index]
          assert(place !== undefined)
          resolve(place)
        }
      } catch (error) {
        await this.#leaveSegment()
        for (const { reject } of group) reject(error)
      }
    }
    this.#running = undefined
  }

  #takeGroup(): Waiting[] {
    let size = 0
    let count = 0
    for (const { record } of this.#queue) {
      size += record.size
      if (count > 0 && size > groupSizeMax) break
      count++
    }
    return this.#queue.splice(0, count)
  }

  async #writeGroup(group: readonly Waiting[]): Promise<RecordPlace[]> {
    this.#lastGroup = this.#options.now()
    const segment = await this.#segment()
    const places: RecordPlace[] = []
    const buffers: Uint8Array[] = []
    let end = segment.end
    for (const { record } of group) {
      places.push({ segment: segment.number, offset: end })
      buffers.push(...record.buffers)
      end += record.size
    }

    await segment.file.write(buffers, segment.end)
    await segment.file.sync()
    segment.end = end
    return places
  }

  async #segment(): Promise<{ file: DataFile; number: number; end: number }> {
    if (this.#open !== undefined && this.#open.end < segmentSizeMax) return this.#open

    await this.#leaveSegment()
    this.#open = await this.#begin()
    return this.#open
  }

  /** A new segment, its name and header durable on return. */
  async #begin(): Promise<{ file: DataFile; number: number; end: number }> {
    const { path, files, now, storeId, volumeId, volumeNumber } = this.#options
    const directory = join(path, segmentsName)
    for (;;) {
      // Time, so that no number comes back after its segment is gone; the other threads' writers take
      // numbers here too, and O_EXCL decides.
      const number = Math.max(this.#lastNumber + 1, now())
      this.#lastNumber = number
      let file: DataFile
      try {
        file = await files.create(join(directory, segmentName(number)))
      } catch (error) {
        if (errnoOf(error) === 'EEXIST') continue
        throw error
      }

      const created = now()
      const header = { storeId, volumeId, volumeNumber, segmentNumber: number, created }
      this.#open = { file, number, end: segmentHeaderSize }
      this.#options.onBegin?.(number)
      await file.write([encodeSegmentHeader(header)], 0)
      await file.sync()
      await files.syncDirectory(directory)
      return this.#open
    }
  }

  async #leaveSegment(): Promise<void> {
    const left = this.#open
    this.#open = undefined
    if (left === undefined) return

    // Everything acknowledged was synced: closing has nothing left to fail at that matters.
    await left.file.close().catch(() => undefined)
    this.#options.onLeave?.(left.number)
  }
}
