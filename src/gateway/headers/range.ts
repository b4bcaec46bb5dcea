/**
 * The Range header: one range of bytes, as R2 takes it.
 */

import type { RangeRequest } from '../../objects/store.ts'
import { S3Error } from '../s3/s3-error.ts'

const format = /^bytes=(?:(\d+)-(\d+)?|-(\d+))$/

/** R2 refuses what RFC 9110 would have ignored: other units, several ranges, an end before the start. */
export function parseRange(header: string): RangeRequest {
  const match = format.exec(header.trim())
  if (match === null) {
    throw new S3Error(
      'InvalidArgument',
      // The stray quote is R2's.
      "range must be in format 'bytes=start-end', 'bytes=start-' or 'bytes=-suffix'.'"
    )
  }

  const [, start, end, suffix] = match
  if (suffix !== undefined) return { kind: 'suffix', length: Number(suffix) }
  if (end === undefined) return { kind: 'from', start: Number(start) }
  if (Number(start) > Number(end)) {
    throw new S3Error('InvalidArgument', 'range must be positive.')
  }
  return { kind: 'from', start: Number(start), end: Number(end) }
}
