/**
 * The upload record: a multipart upload that was begun, and everything that its object is to have but the content.
 */

import { idSize, wrappedKeySize } from '../crypto/key-wrap.ts'
import {
  decodeStorageClass,
  encodeStorageClass,
  readHttpMetadata,
  readPairs,
  writeHttpMetadata,
  writePairs,
  type HttpMetadata,
  type StorageClass
} from './object-record.ts'
import { RowReader, RowWriter } from './row-codec.ts'

/** What the finished object's checksum is: of its content, or of its parts' checksums. */
export interface UploadChecksum {
  name: 'sha1' | 'sha256' | 'crc32' | 'crc32c' | 'crc64nvme'
  isComposite: boolean
}

export interface UploadRecord {
  /** 16 bytes: the upload's id, and the version id of the object that it becomes. */
  versionId: Buffer
  /** As it was spelled. */
  key: string
  /** Grows with each part that is written, so that who completes knows that the parts are those that it has read. */
  revision: number
  storageClass: StorageClass
  httpMetadata: HttpMetadata
  customMetadata: [name: string, value: string][]
  tags: [name: string, value: string][]
  checksum: UploadChecksum | undefined
  /** 48 bytes: the content key, under which the keys of all parts' extents are wrapped. */
  wrappedKey: Buffer
  /** 16 bytes: MD5 of the key that the customer gave. */
  customerKeyMd5?: Buffer
}

const checksumNames = ['sha1', 'sha256', 'crc32', 'crc32c', 'crc64nvme'] as const
const compositeBit = 0x80

export function encodeUploadRecord(record: UploadRecord): Buffer {
  const { versionId, key, revision, customerKeyMd5 } = record
  const row = new RowWriter('upload', 1)
  row.fixed(versionId, idSize)
  row.text(key)
  row.unsigned(revision)
  row.byte(encodeStorageClass(record.storageClass))
  writeHttpMetadata(row, record.httpMetadata)
  writePairs(row, record.customMetadata)
  writePairs(row, record.tags)
  row.byte(encodeChecksum(record.checksum))
  row.fixed(record.wrappedKey, wrappedKeySize)
  row.bytes(customerKeyMd5 ?? Buffer.alloc(0))
  return row.finish()
}

/** Its buffers share memory with `bytes`. */
export function decodeUploadRecord(bytes: Buffer): UploadRecord {
  const row = new RowReader('upload', 1, bytes)
  const record = {
    versionId: row.fixed(idSize),
    key: row.text(),
    revision: row.unsigned(),
    storageClass: decodeStorageClass(row),
    httpMetadata: readHttpMetadata(row),
    customMetadata: readPairs(row),
    tags: readPairs(row),
    checksum: decodeChecksum(row),
    wrappedKey: row.fixed(wrappedKeySize)
  }
  const customerKeyMd5 = row.bytes()
  row.finish()

  if (customerKeyMd5.length === 0) return record
  if (customerKeyMd5.length !== 16) throw row.corrupt('the MD5 of its customer key is not one')
  return { ...record, customerKeyMd5 }
}

/** 0 for none, else the name's place from 1, and a bit that says composite. */
function encodeChecksum(checksum: UploadChecksum | undefined): number {
  if (checksum === undefined) return 0

  const code = checksumNames.indexOf(checksum.name) + 1
  return checksum.isComposite ? code | compositeBit : code
}

function decodeChecksum(row: RowReader): UploadChecksum | undefined {
  const code = row.byte()
  if (code === 0) return undefined

  const name = checksumNames[(code & ~compositeBit) - 1]
  if (name === undefined) throw row.corrupt('its checksum is unknown')
  return { name, isComposite: (code & compositeBit) !== 0 }
}
