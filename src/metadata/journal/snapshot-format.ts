/**
 * Snapshots: all rows as they were at one position of the journal, on several volumes.
 *
 *     snapshots/<number, 12 hex digits>.snapshot
 *         file header, then sealed records: rows, index 0 to n - 1, and an end, index n
 *
 *     end, plaintext of 40 bytes
 *     offset  size  field
 *          0     8  chunks          records of rows
 *          8     8  rows
 *         16     8  term            of the journal position
 *         24     8  sequence
 *         32     8  bytes           of the rows' plaintext
 *
 * Records are bound to the snapshot's id. Behind the file header the copies are the same, byte for byte, so that a damaged record is
 * read from another one. The end stands last and has one size: a file that has it, authentic, was written to its end.
 *
 * docs/format.md#snapshot
 */

import assert from 'node:assert/strict'
import { basename, join } from 'node:path'
import { recordOverhead } from '../../crypto/record-cipher.ts'
import type { FileSystem } from '../../file.ts'
import { decodeSnapshotHeader, fileHeaderSize } from './file-header.ts'
import { listNames, type JournalFault, type JournalVolume } from './journal-files.ts'
import type { JournalKey } from './journal-key.ts'
import {
  decodeRecordHeader,
  isWhole,
  openSealedRecord,
  readNumber,
  recordHeaderSize,
  writeNumber
} from './sealed-record.ts'

/** The folder of a volume that snapshots are in. */
export const snapshotsFolder = 'snapshots'

const endPlainSize = 40
const endSize = recordHeaderSize + endPlainSize + recordOverhead

export interface SnapshotEnd {
  chunks: number
  rows: number
  /** The journal position that it is of. */
  term: number
  sequence: number
  /** Of the rows' plaintext. */
  bytes: number
}

export interface SnapshotCopy {
  volume: number
  path: string
  /** Bytes. */
  size: number
}

export interface Snapshot extends SnapshotEnd {
  /** Milliseconds since the epoch: when it was begun. */
  number: number
  /** 16 bytes. */
  snapshotId: Buffer
  /** 32 bytes: what it is sealed under. */
  key: Buffer
  copies: SnapshotCopy[]
}

/** 12 hex digits. */
export function snapshotFileName(number: number): string {
  return `${number.toString(16).padStart(12, '0')}.snapshot`
}

/** When it was begun, milliseconds since the epoch. */
export function snapshotNumber(path: string): number {
  return Number.parseInt(basename(path, '.snapshot'), 16)
}

export function encodeSnapshotEnd(end: SnapshotEnd): Buffer {
  const bytes = Buffer.alloc(endPlainSize)
  const numbers = [end.chunks, end.rows, end.term, end.sequence, end.bytes]
  for (const [index, number] of numbers.entries()) writeNumber(bytes, number, 8 * index)
  return bytes
}

export function decodeSnapshotEnd(bytes: Buffer): SnapshotEnd | undefined {
  if (bytes.length !== endPlainSize) return undefined
  const [chunks, rows, term, sequence, size] = [0, 8, 16, 24, 32].map(at => readNumber(bytes, at))
  if (chunks === undefined || rows === undefined || size === undefined) return undefined
  if (term === undefined || sequence === undefined) return undefined

  return { chunks, rows, term, sequence, bytes: size }
}

export interface SnapshotSource {
  files: FileSystem
  storeId: Buffer
  keys: readonly JournalKey[]
}

export interface SnapshotListing {
  /** Those that were written to their end, the newest first. */
  found: Snapshot[]
  /** Files without one: cut short by a crash, or damaged there. */
  incomplete: SnapshotCopy[]
  faults: JournalFault[]
}

export async function listSnapshots(
  volumes: readonly JournalVolume[],
  source: SnapshotSource
): Promise<SnapshotListing> {
  const found = new Map<string, Snapshot>()
  const incomplete: SnapshotCopy[] = []
  const faults: JournalFault[] = []
  for (const { number: volume, path } of volumes) {
    const report = (at: string, error: unknown): void => {
      const reason = error instanceof Error ? error.message : String(error)
      faults.push({ volume, path: at, reason })
    }
    const folder = join(path, snapshotsFolder)
    for (const name of await listNames(folder, '.snapshot', source.files, report)) {
      const file = join(folder, name)
      try {
        const read = await readEnds(file, source)
        const copy = { volume, path: file, size: read.size }
        if (read.snapshot === undefined) {
          incomplete.push(copy)
          continue
        }
        const id = read.snapshot.snapshotId.toString('hex')
        const known = found.get(id)
        if (known === undefined) found.set(id, { ...read.snapshot, copies: [copy] })
        else known.copies.push(copy)
      } catch (error) {
        report(file, error)
      }
    }
  }
  return { found: [...found.values()].sort(newestFirst), incomplete, faults }
}

/** By the position in the journal, then by the clock. */
function newestFirst(a: Snapshot, b: Snapshot): number {
  return b.term - a.term || b.sequence - a.sequence || b.number - a.number
}

async function readEnds(
  path: string,
  { files, storeId, keys }: SnapshotSource
): Promise<{ size: number; snapshot?: Omit<Snapshot, 'copies'> }> {
  const file = await files.openRead(path)
  try {
    const size = await file.size()
    const bytes = Buffer.alloc(fileHeaderSize)
    const count = await file.read(bytes, 0)
    const { header, fault } = decodeSnapshotHeader(bytes.subarray(0, count))
    if (fault === 'torn') return { size }
    if (fault !== undefined) throw new Error(`its header is not readable: ${fault}`)
    if (!header.storeId.equals(storeId)) throw new Error('it belongs to another store')
    const key = keys.find(({ id }) => id.equals(header.keyId))?.key
    if (key === undefined) throw new Error('its key is not to be had')
    if (size < fileHeaderSize + endSize) return { size }

    const record = Buffer.alloc(endSize)
    await file.read(record, size - endSize)
    const decoded = decodeRecordHeader(record)
    const isEnd = decoded.header?.kind === 'end' && isWhole(decoded.header, record)
    const seal = { key, ownerId: header.snapshotId }
    const plaintext = isEnd ? openSealedRecord(record, seal) : undefined
    const end = plaintext === undefined ? undefined : decodeSnapshotEnd(plaintext)
    if (end === undefined) return { size }
    assert(decoded.header !== undefined)
    const isPlaced = decoded.header.term === header.number && decoded.header.sequence === end.chunks
    const { number, snapshotId } = header
    return isPlaced ? { size, snapshot: { number, snapshotId, key, ...end } } : { size }
  } finally {
    await file.close()
  }
}
