/**
 * Reads one record whole, and verifies it without keys: its header, whose extent it is, and the payload's checksum.
 *
 * For repair, which copies the bytes as they stand. What serves requests reads frames instead, and authenticates them.
 */

import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import type { DataFile, FileSystem } from '../file.ts'
import type { Replica } from './replica.ts'
import { decodeRecordHeader, recordHeaderSize, recordSize, segmentName } from './segment-format.ts'
import type { EncodedRecord } from './segment-writer.ts'
import { segmentsName } from './superblock.ts'

/** Which record is expected. */
export interface ExpectedExtent {
  /** 16 bytes. */
  id: Buffer
  /** Bytes of plaintext. */
  size: number
}

export type RecordRead =
  { record: EncodedRecord; reason?: never } | { record?: never; reason: string }

/** The record, or why there is no right one at the place: never rejects. */
export async function readRecord(
  files: FileSystem,
  volumePath: string,
  { segment, offset }: Replica,
  expected: ExpectedExtent
): Promise<RecordRead> {
  let file: DataFile | undefined
  try {
    file = await files.openRead(join(volumePath, segmentsName, segmentName(segment)))
    const bytes = Buffer.allocUnsafeSlow(recordSize(expected.size))
    const count = await file.read(bytes, offset)
    if (count < bytes.length) {
      return { reason: `the segment ends after ${count} of the record's ${bytes.length} bytes` }
    }
    const reason = verifyRecord(bytes, expected)
    return reason === undefined ? { record: { buffers: [bytes], size: bytes.length } } : { reason }
  } catch (error) {
    return { reason: error instanceof Error ? error.message : String(error) }
  } finally {
    // Only read from: there is nothing that a failure to close could lose.
    await file?.close().catch(() => undefined)
  }
}

/** Undefined if the bytes are exactly the extent's record; otherwise why they are not. */
function verifyRecord(bytes: Buffer, { id, size }: ExpectedExtent): string | undefined {
  const { header, fault } = decodeRecordHeader(bytes)
  if (header === undefined) return `the record's header is not right: ${fault}`
  if (!header.extentId.equals(id)) return 'the record is of another extent'
  if (header.plainSize !== size) return `the record has ${header.plainSize} bytes of plaintext`

  const isRight = crc32(bytes.subarray(recordHeaderSize)) === header.payloadCheck
  return isRight ? undefined : "the payload's checksum does not match"
}
