/**
 * Tags of an object, in a header or in XML, within S3's limits.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-tagging.html
 */

import type { IncomingHttpHeaders } from 'node:http'
import { S3Error } from '../s3/s3-error.ts'

export type Tags = [name: string, value: string][]

const tagCountMax = 10
/** S3 counts in UTF-16: a character beyond the first 65,536 is two. */
const nameLengthMax = 128
const valueLengthMax = 256
const allowed = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u

/** `x-amz-tagging`: the form of a query. Undefined if there is none. */
export function parseTagging(headers: IncomingHttpHeaders): Tags | undefined {
  const header = headers['x-amz-tagging']
  if (header === undefined) return undefined
  if (header === '') return []

  const tags = String(header)
    .split('&')
    .map((pair): Tags[number] => {
      const equals = pair.indexOf('=')
      return equals === -1
        ? [decode(pair), '']
        : [decode(pair.slice(0, equals)), decode(pair.slice(equals + 1))]
    })
  return requireTags(tags)
}

/** InvalidTag or BadRequest for what S3 would not take. */
export function requireTags(tags: Tags): Tags {
  if (tags.length > tagCountMax) {
    throw new S3Error('BadRequest', 'Object tags cannot be greater than 10')
  }
  for (const [name, value] of tags) {
    if (name === '' || name.length > nameLengthMax || !allowed.test(name)) {
      throw new S3Error('InvalidTag', 'The TagKey you have provided is invalid')
    }
    if (value.length > valueLengthMax || !allowed.test(value)) {
      throw new S3Error('InvalidTag', 'The TagValue you have provided is invalid')
    }
  }
  if (new Set(tags.map(([name]) => name)).size < tags.length) {
    throw new S3Error('InvalidTag', 'Cannot provide multiple Tags with the same key')
  }
  return tags
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch (error) {
    throw new S3Error(
      'InvalidArgument',
      "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates.",
      { cause: error }
    )
  }
}
