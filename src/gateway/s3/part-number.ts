/**
 * Part numbers in a query.
 */

import { partCountMax } from '../../limits.ts'
import { S3Error } from './s3-error.ts'
import type { Query } from '../connection/target.ts'

/** Of an upload, 1 to 10,000. What is no number at all is no route that R2 knows. */
export function readPartNumber(query: Query): number {
  const text = query.get('partNumber') ?? ''
  if (!/^ *-?\d*$/.test(text)) throw new S3Error('RouteNotFound')

  return parsePartNumber(text)
}

/** 1 to 10,000. */
export function parsePartNumber(text: string): number {
  const number = /^ *\d+$/.test(text) ? Number(text) : 0
  if (number >= 1 && number <= partCountMax) return number

  throw new S3Error(
    'InvalidArgument',
    `Part number must be an integer between 1 and ${partCountMax}, inclusive.`
  )
}
