/**
 * Conditional headers, RFC 9110 section 13, under whichever prefix they come.
 */

import type { IncomingHttpHeaders } from 'node:http'
import type { EntityTag, Precondition } from '../../objects/store.ts'
import { S3Error } from '../s3/s3-error.ts'

/** `prefix`: empty, `x-amz-copy-source-` or `cf-copy-destination-`. Undefined if there is none. */
export function readPrecondition(
  headers: IncomingHttpHeaders,
  prefix = ''
): Precondition | undefined {
  const header = (name: string): string | undefined => {
    const value = headers[`${prefix}${name}`]
    return Array.isArray(value) ? value.join(',') : value
  }

  const precondition: Precondition = {}
  const ifMatch = header('if-match')
  const ifNoneMatch = header('if-none-match')
  const ifModifiedSince = readDate(header('if-modified-since'))
  const ifUnmodifiedSince = readDate(header('if-unmodified-since'))
  if (ifMatch !== undefined) precondition.ifMatch = parseTags(ifMatch)
  if (ifNoneMatch !== undefined) precondition.ifNoneMatch = parseTags(ifNoneMatch)
  if (ifModifiedSince !== undefined) precondition.ifModifiedSince = ifModifiedSince
  if (ifUnmodifiedSince !== undefined) precondition.ifUnmodifiedSince = ifUnmodifiedSince

  return Object.keys(precondition).length === 0 ? undefined : precondition
}

/** A list of ETags; S3 clients also send one without its quotes. */
export function parseTags(header: string): EntityTag[] {
  const text = header.trim()
  if (text === '*') return ['*']

  const tags: EntityTag[] = []
  let rest = text
  while (rest !== '') {
    const match = /^(W\/)?(?:"([^"]*)"|([^",\s]+))\s*(?:,\s*|$)/.exec(rest)
    if (match === null) {
      throw new S3Error('InvalidArgument', `The list of ETags is not valid: ${header}`)
    }
    const [whole, weak, quoted, bare] = match
    tags.push({ tag: quoted ?? bare ?? '', weak: weak !== undefined })
    rest = rest.slice(whole.length)
  }
  if (tags.length === 0) throw new S3Error('InvalidArgument', 'The list of ETags is empty')
  return tags
}

/** RFC 9110 section 13.1.3: a date that is not one is ignored. */
function readDate(value: string | undefined): number | undefined {
  if (value === undefined) return undefined
  const time = Date.parse(value)

  return Number.isNaN(time) ? undefined : Math.floor(time / 1000) * 1000
}
