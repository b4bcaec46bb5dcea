/**
 * Reads the rows of a snapshot, record by record, each from the first copy that has it whole.
 */

import { R2dError } from '../../errors.ts'
import type { DataFile, FileSystem } from '../../file.ts'
import { decodeRows, type Row } from './batch-codec.ts'
import { fileHeaderSize } from './file-header.ts'
import type { JournalFault } from './journal-files.ts'
import { decodeRecordHeader, isWhole, openSealedRecord, recordHeaderSize } from './sealed-record.ts'
import type { Snapshot, SnapshotCopy } from './snapshot-format.ts'

/**
 * In the order of keys, some MiB at a time. R2D_CORRUPT_RECORD when a record is whole in no copy, or the end does not agree.
 */
export async function* readSnapshot(
  snapshot: Snapshot,
  files: FileSystem,
  onFault: (fault: JournalFault) => void
): AsyncGenerator<Row[], void> {
  const open = await openCopies(snapshot.copies, files, onFault)
  let offset = fileHeaderSize
  let rowCount = 0
  try {
    for (let index = 0; index < snapshot.chunks; index++) {
      const found = await readChunk(snapshot, open, { index, offset }, onFault)
      const rows = decodeRows(found.plaintext)
      rowCount += rows.length
      offset += found.size
      yield rows
    }
  } finally {
    for (const { file } of open) await file.close()
  }
  if (rowCount !== snapshot.rows) throw damaged(snapshot, 'it has another number of rows')
}

interface OpenCopy extends SnapshotCopy {
  file: DataFile
}

async function openCopies(
  copies: readonly SnapshotCopy[],
  files: FileSystem,
  onFault: (fault: JournalFault) => void
): Promise<OpenCopy[]> {
  const open: OpenCopy[] = []
  for (const copy of copies) {
    try {
      open.push({ ...copy, file: await files.openRead(copy.path) })
    } catch (error) {
      onFault({ volume: copy.volume, path: copy.path, reason: messageOf(error) })
    }
  }
  return open
}

async function readChunk(
  snapshot: Snapshot,
  copies: readonly OpenCopy[],
  { index, offset }: { index: number; offset: number },
  onFault: (fault: JournalFault) => void
): Promise<{ plaintext: Buffer; size: number }> {
  for (const { file, volume, path, size } of copies) {
    try {
      const head = Buffer.alloc(recordHeaderSize)
      await file.read(head, offset)
      const { header } = decodeRecordHeader(head)
      const isPlaced =
        header?.kind === 'rows' && header.term === snapshot.number && header.sequence === index
      if (isPlaced && header.payloadSize <= size - offset - recordHeaderSize) {
        const record = Buffer.allocUnsafeSlow(recordHeaderSize + header.payloadSize)
        await file.read(record, offset)
        const seal = { key: snapshot.key, ownerId: snapshot.snapshotId }
        const plaintext = isWhole(header, record) ? openSealedRecord(record, seal) : undefined
        if (plaintext !== undefined) return { plaintext, size: record.length }
      }
      onFault({ volume, path, reason: `the record at byte ${offset} is damaged` })
    } catch (error) {
      onFault({ volume, path, reason: messageOf(error) })
    }
  }
  throw damaged(snapshot, `record ${index} is whole in none of its ${copies.length} copies`)
}

function damaged({ number }: Snapshot, reason: string): R2dError {
  return new R2dError('R2D_CORRUPT_RECORD', `Snapshot ${number} is damaged: ${reason}`)
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
