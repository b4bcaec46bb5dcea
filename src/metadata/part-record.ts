/**
 * The part record: content that was uploaded as one part of a multipart upload. Keyed by upload and part number.
 */

import { idSize } from '../crypto/key-wrap.ts'
import { contentSize, readManifest, writeManifest, type Manifest } from './manifest.ts'
import { readChecksums, writeChecksums, type Checksums } from './object-record.ts'
import { RowReader, RowWriter } from './row-codec.ts'

export interface PartRecord {
  /** 16 bytes, random: another one each time the part is uploaded. */
  id: Buffer
  /** 16 bytes: what its ETag is. MD5 of the content, or what stands for it where a part was copied unread. */
  md5: Buffer
  checksums: Checksums
  /** Milliseconds since the epoch. */
  uploaded: number
  /** Its keys are wrapped under the upload's content key. */
  manifest: Manifest
}

export function encodePartRecord({ id, md5, checksums, uploaded, manifest }: PartRecord): Buffer {
  const row = new RowWriter('part', 1)
  row.fixed(id, idSize)
  row.fixed(md5, 16)
  writeChecksums(row, checksums)
  row.unsigned(uploaded)
  writeManifest(row, manifest)
  return row.finish()
}

/** Its buffers share memory with `bytes`. */
export function decodePartRecord(bytes: Buffer): PartRecord {
  const row = new RowReader('part', 1, bytes)
  const record = {
    id: row.fixed(idSize),
    md5: row.fixed(16),
    checksums: readChecksums(row),
    uploaded: row.unsigned(),
    manifest: readManifest(row)
  }
  row.finish()
  return record
}

/** Bytes of content. */
export function partSize({ manifest }: PartRecord): number {
  return contentSize(manifest)
}
