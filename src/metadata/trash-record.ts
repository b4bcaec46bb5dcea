/**
 * Trash rows: an object that was deleted or replaced in a bucket that keeps such objects for a while, and how much of that a bucket has.
 *
 * The row's key has the time at which the object ceased to be the current one. Its value is the object's own row, keys and references and
 * all: for as long as it stands, it refers to the content as the object did.
 */

import { RowReader, RowWriter } from './row-codec.ts'

const causes = ['deleted', 'replaced', 'expired', 'undone'] as const

/** Why it is not the current one any more: by a request, a lifecycle rule, or an undo. */
export type TrashCause = (typeof causes)[number]

export interface TrashRecord {
  cause: TrashCause
  /** The encoded ObjectRecord. */
  object: Buffer
}

export function encodeTrashRecord({ cause, object }: TrashRecord): Buffer {
  const row = new RowWriter('trash', 1, 16 + object.length)
  row.byte(causes.indexOf(cause))
  row.bytes(object)
  return row.finish()
}

/** Its buffers share memory with `bytes`. */
export function decodeTrashRecord(bytes: Buffer): TrashRecord {
  const row = new RowReader('trash', 1, bytes)
  const cause = causes[row.byte()]
  if (cause === undefined) throw row.corrupt('its cause is unknown')
  const record = { cause, object: row.bytes() }
  row.finish()
  return record
}

/** Of a bucket that keeps objects, or has some left that it kept. */
export interface TrashUsageRecord {
  /** Name of the bucket. */
  bucket: string
  objects: number
  /** Bytes of content. */
  bytes: number
}

export function encodeTrashUsageRecord({ bucket, objects, bytes }: TrashUsageRecord): Buffer {
  const row = new RowWriter('trashUsage', 1)
  row.text(bucket)
  row.unsigned(objects)
  row.unsigned(bytes)
  return row.finish()
}

export function decodeTrashUsageRecord(bytes: Buffer): TrashUsageRecord {
  const row = new RowReader('trashUsage', 1, bytes)
  const record = { bucket: row.text(), objects: row.unsigned(), bytes: row.unsigned() }
  row.finish()
  return record
}
