/**
 * What becomes of the deleted objects of a bucket, in a line.
 */

import type { TrashPolicyDocument } from '../control/trash-protocol.ts'
import { formatSize } from './quantity.ts'

export function formatPolicy({
  mode,
  seconds,
  since,
  objects,
  bytes
}: TrashPolicyDocument): string {
  const what = {
    keep: `what is deleted is kept for ${formatSpan(seconds)}, since ${since ?? ''}`,
    off: 'what is deleted is not kept',
    shred: 'what is deleted is not kept, and its keys are destroyed with it'
  }[mode]
  return `${what}; ${objects} objects in the trash, ${formatSize(bytes)}`
}

function formatSpan(seconds: number): string {
  if (seconds % 86_400 === 0) return `${seconds / 86_400}d`
  if (seconds % 3600 === 0) return `${seconds / 3600}h`
  return `${seconds}s`
}
