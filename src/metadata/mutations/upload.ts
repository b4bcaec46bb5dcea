/**
 * Multipart uploads: begun, filled part by part, and completed or aborted in one commit each.
 *
 * Completing moves no content and opens no key: the parts' manifests become the object's, and the references that the
 * parts had are its own. The upload's revision, which every part that is written increments, is what ties the commit to
 * the parts that the caller has read: a part that was replaced meanwhile has another revision, and its old extents, which
 * the caller's manifest names, are on their way out.
 */

import { R2dError } from '../../errors.ts'
import type { Version } from '../engine.ts'
import { lifecycleKey, uploadIndexKey } from '../keys.ts'
import { decodeObjectRecord } from '../object-record.ts'
import { decodePartRecord } from '../part-record.ts'
import { encodeTimeIndexRecord } from '../time-index-record.ts'
import type { Transaction } from '../transaction.ts'
import { decodeUploadRecord, encodeUploadRecord, type UploadRecord } from '../upload-record.ts'
import { shareExtents } from './content-references.ts'
import { replaceObject, requirePrecondition, type Destination } from './destination.ts'
import { discard } from './discard.ts'
import { putContent, type NewExtent, type NewPage } from './new-content.ts'
import { requireBucket } from './require-bucket.ts'

export interface CreateUpload extends Destination {
  /** Of the upload; `rowKey` is the object's. */
  uploadRowKey: Buffer
  /** The encoded UploadRecord. */
  value: Buffer
}

export async function createUpload(transaction: Transaction, upload: CreateUpload): Promise<void> {
  await requireBucket(transaction, upload)
  await requirePrecondition(transaction, upload)
  transaction.put(upload.uploadRowKey, upload.value)
  transaction.put(uploadIndexKey(upload.uploadRowKey), encodeTimeIndexRecord())
}

export interface PutPart {
  bucket: string
  bucketId: Buffer
  uploadRowKey: Buffer
  partRowKey: Buffer
  /** The encoded PartRecord. */
  value: Buffer
  /** Content that is new with this part. */
  extents: NewExtent[]
  pages: NewPage[]
  /** Content that the part shares with the object that it was copied from. */
  shared: SharedContent | undefined
  /** Milliseconds since the epoch. */
  now: number
}

export interface SharedContent {
  /** The object's row must hold this version still. */
  sourceRowKey: Buffer
  sourceVersionId: Buffer
  /** The extents that the part and its pages name, each as often as they do. */
  extentIds: Buffer[]
}

/** Of two that write the same part, the last one stays. R2D_NO_SUCH_UPLOAD, R2D_CONFLICT. */
export async function putPart(transaction: Transaction, part: PutPart): Promise<void> {
  const { uploadRowKey, partRowKey, now, shared } = part
  await requireBucket(transaction, part)
  const upload = await requireUpload(transaction, uploadRowKey)
  if (shared !== undefined) await share(transaction, shared)

  const before = await transaction.get(partRowKey)
  if (before !== undefined) {
    const { id, manifest } = decodePartRecord(before.value)
    discard(transaction, id, manifest, now)
  }
  transaction.put(partRowKey, part.value)
  await putContent(transaction, part)
  transaction.put(uploadRowKey, encodeUploadRecord({ ...upload, revision: upload.revision + 1 }))
}

export interface CompleteUpload extends Destination {
  uploadRowKey: Buffer
  /** Of the upload when its parts were read. */
  revision: number
  /** The encoded ObjectRecord. */
  value: Buffer
  /** Pages that put the parts' manifests together. */
  pages: NewPage[]
  /** Every part of the upload. */
  partRowKeys: Buffer[]
  /** Those that did not become part of the object. */
  unusedRowKeys: Buffer[]
}

/** R2D_CONFLICT: a part was written since they were read; read them again. */
export async function completeUpload(
  transaction: Transaction,
  complete: CompleteUpload
): Promise<void> {
  const { uploadRowKey, revision, value, pages, partRowKeys, unusedRowKeys, now } = complete
  await requireRevision(transaction, uploadRowKey, revision)
  await replaceObject(transaction, complete, value)
  await putContent(transaction, { extents: [], pages, now })

  await discardParts(transaction, unusedRowKeys, now)
  for (const rowKey of partRowKeys) transaction.delete(rowKey)
  removeUpload(transaction, uploadRowKey)
}

export interface AbortUpload {
  uploadRowKey: Buffer
  /** Of the upload when its parts were listed. */
  revision: number
  /** Every part of the upload. */
  partRowKeys: Buffer[]
  /** Lifecycle rules that it is aborted by, and which must be those that were read. */
  rules?: { bucketId: Buffer; version: Version } | undefined
  /** Milliseconds since the epoch. */
  now: number
}

/**
 * R2D_CONFLICT: a part was written since they were listed; list them again. R2D_PRECONDITION_FAILED: the rules are others
 * by now.
 */
export async function abortUpload(
  transaction: Transaction,
  { uploadRowKey, revision, partRowKeys, rules, now }: AbortUpload
): Promise<void> {
  if (rules !== undefined) await requireRules(transaction, rules)
  await requireRevision(transaction, uploadRowKey, revision)
  await discardParts(transaction, partRowKeys, now)
  for (const rowKey of partRowKeys) transaction.delete(rowKey)
  removeUpload(transaction, uploadRowKey)
}

function removeUpload(transaction: Transaction, rowKey: Buffer): void {
  transaction.delete(rowKey)
  transaction.delete(uploadIndexKey(rowKey))
}

async function requireUpload(transaction: Transaction, rowKey: Buffer): Promise<UploadRecord> {
  const row = await transaction.get(rowKey)
  if (row !== undefined) return decodeUploadRecord(row.value)

  throw new R2dError('R2D_NO_SUCH_UPLOAD', 'There is no such upload')
}

async function requireRevision(
  transaction: Transaction,
  rowKey: Buffer,
  revision: number
): Promise<void> {
  const upload = await requireUpload(transaction, rowKey)
  if (upload.revision === revision) return

  throw new R2dError('R2D_CONFLICT', 'A part was uploaded while the upload was being finished')
}

async function requireRules(
  transaction: Transaction,
  { bucketId, version }: NonNullable<AbortUpload['rules']>
): Promise<void> {
  const row = await transaction.get(lifecycleKey(bucketId))
  if (row?.version === version) return

  throw new R2dError('R2D_PRECONDITION_FAILED', 'The lifecycle rules of the bucket have changed')
}

async function share(
  transaction: Transaction,
  { sourceRowKey, sourceVersionId, extentIds }: SharedContent
): Promise<void> {
  const row = await transaction.get(sourceRowKey)
  if (row === undefined || !decodeObjectRecord(row.value).versionId.equals(sourceVersionId)) {
    throw new R2dError('R2D_CONFLICT', 'The source of the copy has changed')
  }
  await shareExtents(transaction, extentIds)
}

async function discardParts(
  transaction: Transaction,
  rowKeys: readonly Buffer[],
  now: number
): Promise<void> {
  const rows = await transaction.getMany(rowKeys)
  for (const row of rows) {
    if (row === undefined) continue
    const { id, manifest } = decodePartRecord(row.value)
    discard(transaction, id, manifest, now)
  }
}
