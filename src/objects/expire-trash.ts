/**
 * The background step of the trash: what has been there for its bucket's window is let go of.
 *
 * Rows stand in the order in which they came, so that a round looks at what has become due and at nothing else.
 */

import { setTimeout as delay } from 'node:timers/promises'
import { R2dError } from '../errors.ts'
import { decodeBucketRecord } from '../metadata/bucket-record.ts'
import { bucketKey, parseTrashUsageKey, trashRange, trashUsageRange } from '../metadata/keys.ts'
import { decodeTrashUsageRecord } from '../metadata/trash-record.ts'
import { letGo, type TrashContext } from './trash.ts'

/** Rows in one commit: what others may have to wait behind. */
const stepSize = 256

export interface TrashWork extends TrashContext {
  /** Ends the round after the step that is under way. */
  signal: AbortSignal
}

export async function runTrashRound(work: TrashWork): Promise<{ objects: number; bytes: number }> {
  const gone = { objects: 0, bytes: 0 }
  await using cursor = work.metadata.scan(trashUsageRange())
  for (;;) {
    const entries = await cursor.read(stepSize)
    if (entries.length === 0) return gone
    for (const { key, value } of entries) {
      if (work.signal.aborted) return gone
      const { bucket } = decodeTrashUsageRecord(value)
      const { objects, bytes } = await expireBucket(work, bucket, parseTrashUsageKey(key))
      gone.objects += objects
      gone.bytes += bytes
    }
  }
}

async function expireBucket(
  work: TrashWork,
  bucket: string,
  bucketId: Buffer
): Promise<{ objects: number; bytes: number }> {
  const gone = { objects: 0, bytes: 0 }
  const row = await work.metadata.get(bucketKey(bucket))
  const record = row && decodeBucketRecord(row.value)
  // Deleted since its count was read: a bucket is deleted with its trash empty.
  if (record?.id.equals(bucketId) !== true) return gone

  const due = work.now() - record.trashSeconds * 1000
  const range =
    record.trashMode === 'shred'
      ? trashRange(bucketId)
      : trashRange(bucketId, { removedMax: Math.max(0, due) })
  await using cursor = work.metadata.scan(range)
  while (!work.signal.aborted) {
    const started = performance.now()
    const rowKeys = (await cursor.read(stepSize)).map(({ key }) => key)
    if (rowKeys.length === 0) return gone
    try {
      const { objects, bytes } = await letGo(work, { bucket, bucketId, rowKeys, isAsked: false })
      gone.objects += objects
      gone.bytes += bytes
    } catch (error) {
      if (error instanceof R2dError && error.code === 'R2D_NO_SUCH_BUCKET') return gone
      throw error
    }
    // At most half of the committer's time goes into this.
    await delay(performance.now() - started)
  }
  return gone
}
