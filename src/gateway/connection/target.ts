/**
 * What a request is addressed to: bucket, key and query, from path or host.
 *
 *     /bucket/key...                     path style
 *     bucket.<suffix>[:port]/key...      virtual-host style, for the suffixes that the configuration names
 *
 * Percent-encoding is undone once. The path and query as received are kept: signatures are over them.
 */

import { S3Error } from '../s3/s3-error.ts'

/** Bytes of the request line's target. Three for each of a key's bytes, and room for a presigned query. */
const targetSizeMax = 16 * 1024

export interface Target {
  bucket: string | undefined
  key: string | undefined
  /** As received, without the query. */
  rawPath: string
  query: Query
}

export type Query = ReadonlyMap<string, string>

export function parseTarget(
  url: string,
  host: string | undefined,
  hostSuffixes: readonly string[]
): Target {
  if (url.length > targetSizeMax || !url.startsWith('/')) throw new S3Error('InvalidURI')

  const mark = url.indexOf('?')
  const rawPath = mark === -1 ? url : url.slice(0, mark)
  const query = parseQuery(mark === -1 ? '' : url.slice(mark + 1))

  const hostBucket = host === undefined ? undefined : bucketOfHost(host, hostSuffixes)
  if (hostBucket !== undefined) {
    return { bucket: hostBucket, key: nonEmpty(decode(rawPath.slice(1))), rawPath, query }
  }

  const slash = rawPath.indexOf('/', 1)
  const bucket = nonEmpty(decode(slash === -1 ? rawPath.slice(1) : rawPath.slice(1, slash)))
  const key = slash === -1 ? undefined : nonEmpty(decode(rawPath.slice(slash + 1)))
  if (bucket === undefined && key !== undefined) throw new S3Error('RouteNotFound')
  return { bucket, key, rawPath, query }
}

function bucketOfHost(host: string, suffixes: readonly string[]): string | undefined {
  const name = host.replace(/:\d+$/, '').toLowerCase()
  for (const suffix of suffixes) {
    if (name.length > suffix.length + 1 && name.endsWith(`.${suffix}`)) {
      return name.slice(0, -suffix.length - 1)
    }
  }
  return undefined
}

const noQuery: Query = new Map()

/** `+` is a space, as in forms. Signatures do not cover the order, so a name has one value. */
function parseQuery(text: string): Query {
  if (text === '') return noQuery

  const query = new Map<string, string>()
  for (const pair of text.split('&')) {
    if (pair === '') continue
    const equals = pair.indexOf('=')
    const name = decodeQuery(equals === -1 ? pair : pair.slice(0, equals))
    const value = equals === -1 ? '' : decodeQuery(pair.slice(equals + 1))
    const known = query.get(name)
    if (known !== undefined && known !== value) {
      throw new S3Error('InvalidArgument', `The parameter ${name} has two values`)
    }
    query.set(name, value)
  }
  return query
}

function decodeQuery(text: string): string {
  return decode(text.includes('+') ? text.replaceAll('+', ' ') : text)
}

function decode(text: string): string {
  if (!text.includes('%')) return text

  try {
    return decodeURIComponent(text)
  } catch (error) {
    throw new S3Error('InvalidURI', undefined, { cause: error })
  }
}

function nonEmpty(text: string): string | undefined {
  return text === '' ? undefined : text
}
