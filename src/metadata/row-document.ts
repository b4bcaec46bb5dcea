/**
 * Rows as a person reads them: every field of the record, bytes in hex. Keys and secrets stand there as they are stored, wrapped.
 */

import { decodeBucketRecord } from './bucket-record.ts'
import { decodeCorsRecord } from './cors-record.ts'
import { decodeCredentialRecord } from './credential-record.ts'
import { decodeDiscardRecord } from './discard-record.ts'
import { decodeExtentRecord } from './extent-record.ts'
import { decodeJournalPosition } from './journal-position-record.ts'
import { rowKindOf, type RowKind } from './keys.ts'
import { decodeLifecycleProgress } from './lifecycle-progress-record.ts'
import { decodeLifecycleRecord } from './lifecycle-record.ts'
import { decodeLocationRecord } from './location-record.ts'
import { decodeManifestPageRecord } from './manifest-page-record.ts'
import { decodeObjectRecord } from './object-record.ts'
import { decodePartRecord } from './part-record.ts'
import { decodeStoreRecord } from './store-record.ts'
import { decodeUploadRecord } from './upload-record.ts'
import { decodeVolumeRecord } from './volume-record.ts'

/** What is not here says all in its key. */
const decoders: Partial<Record<RowKind, (value: Buffer) => unknown>> = {
  store: decodeStoreRecord,
  location: decodeLocationRecord,
  volume: decodeVolumeRecord,
  credential: decodeCredentialRecord,
  bucket: decodeBucketRecord,
  object: decodeObjectRecord,
  extent: decodeExtentRecord,
  manifestPage: decodeManifestPageRecord,
  discard: decodeDiscardRecord,
  upload: decodeUploadRecord,
  part: decodePartRecord,
  cors: decodeCorsRecord,
  lifecycle: decodeLifecycleRecord,
  lifecycleProgress: decodeLifecycleProgress,
  journalPosition: decodeJournalPosition
}

export interface RowDocument {
  kind: string
  /** Hex. */
  key: string
  /** Base64: with the key, all that a row is. */
  value: string
  /** For reading; nothing takes it back. */
  record?: unknown
}

export function toRowDocument(key: Buffer, value: Buffer): RowDocument {
  const kind = rowKindOf(key)
  const decode = kind === undefined ? undefined : decoders[kind]
  const record = decode === undefined ? undefined : readable(tryDecode(decode, value))

  return {
    kind: kind ?? 'unknown',
    key: key.toString('hex'),
    value: value.toString('base64'),
    ...(record === undefined ? {} : { record })
  }
}

function tryDecode(decode: (value: Buffer) => unknown, value: Buffer): unknown {
  try {
    return decode(value)
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) }
  }
}

function readable(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex')
  if (Array.isArray(value)) return value.map(readable)
  if (value instanceof Map) return readable([...(value as Map<unknown, unknown>)])
  if (typeof value !== 'object' || value === null) return value

  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, readable(member)]))
}
