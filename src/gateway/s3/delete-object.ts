/**
 * DeleteObject: `DELETE /{bucket}/{key}`. A key that is not there is deleted already, unless it is required to be there.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObject.html
 */

import type { IncomingHttpHeaders } from 'node:http'
import type { Precondition } from '../../objects/store.ts'
import { parseTags } from '../headers/conditions.ts'
import type { S3Request, S3Response } from './operation.ts'
import { S3Error } from './s3-error.ts'
import { screen } from './screening.ts'

export async function deleteObject(request: S3Request): Promise<S3Response> {
  const { store, bucket, key, headers } = request
  screen(request, 'DeleteObject')
  const condition = readDeleteCondition(headers)
  const conditions = condition === undefined ? undefined : [condition]
  const refused = await store.delete(bucket, [key], conditions)
  if (refused.length > 0) throw new S3Error('PreconditionFailed')

  return { status: 204 }
}

function readDeleteCondition(headers: IncomingHttpHeaders): Precondition | undefined {
  const one = (name: string): string | undefined => {
    const value = headers[name]
    return value === undefined ? undefined : String(value)
  }

  return toDeleteCondition({
    etag: one('if-match'),
    size: one('x-amz-if-match-size'),
    time: one('x-amz-if-match-last-modified-time')
  })
}

/** A condition that cannot be read must not become none: the object would be gone. */
export function toDeleteCondition(texts: {
  etag: string | undefined
  size: string | undefined
  time: string | undefined
}): Precondition | undefined {
  const { etag, size, time } = texts
  if (etag === undefined && size === undefined && time === undefined) return undefined

  const precondition: Precondition = {}
  if (etag !== undefined) precondition.ifMatch = parseTags(etag)
  if (size !== undefined) {
    if (!/^\d{1,15}$/.test(size)) throw new S3Error('InvalidArgument', 'The size is not a number')
    precondition.ifMatchSize = Number(size)
  }
  if (time !== undefined) {
    const parsed = Date.parse(time)
    if (Number.isNaN(parsed)) throw new S3Error('InvalidArgument', 'The time is not a date')
    precondition.ifMatchTime = Math.floor(parsed / 1000) * 1000
  }
  return precondition
}
