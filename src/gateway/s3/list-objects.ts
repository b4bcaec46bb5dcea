/**
 * ListObjects, version 1 and 2: `GET /{bucket}` and `GET /{bucket}?list-type=2`.
 *
 * The elements come in R2's order.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjects.html
 */

import { pageCountMax } from '../../limits.ts'
import type { ListedObject, ListResult } from '../../objects/store.ts'
import type { Query } from '../connection/target.ts'
import {
  readMaxKeys,
  refuseQuery,
  xmlResponse,
  type S3Request,
  type S3Response
} from './operation.ts'
import { owner } from './owner.ts'
import { notImplemented, S3Error } from './s3-error.ts'
import { screen } from './screening.ts'
import { element, escape, XmlFragment, type XmlElement } from './xml.ts'

const firstNames = ['prefix', 'delimiter', 'marker', 'max-keys', 'encoding-type']
const secondNames = [
  'list-type',
  'prefix',
  'delimiter',
  'continuation-token',
  'start-after',
  'max-keys',
  'encoding-type',
  'fetch-owner'
]
/** In front of what a token continues after; a token is opaque to clients, and this one is ours. */
const tokenLabel = 'r2d1:'

export async function listObjects(request: S3Request): Promise<S3Response> {
  const { store, bucket, query } = request
  screen(request, 'Read')
  if (query.has('continuation-token')) {
    throw new S3Error('InvalidArgument', 'continuation-token not supported in ListObjects')
  }
  refuseQuery(query, 'ListObjectsV1', firstNames)
  const { prefix, delimiter, asked, limit, encode } = readCommon(request)
  const marker = query.get('marker') ?? ''
  const page = await store.list(bucket, { prefix, delimiter, startAfter: marker, limit })

  return xmlResponse('ListBucketResult', [
    ['Name', bucket],
    contents(page.objects, encode, true),
    ['IsTruncated', page.isTruncated],
    ...commonPrefixes(page, encode),
    ['Prefix', encode(prefix)],
    ['Delimiter', delimiter === '' ? undefined : encode(delimiter)],
    ['Marker', encode(marker)],
    ['NextMarker', page.isTruncated ? encode(page.last ?? marker) : undefined],
    ['MaxKeys', asked],
    ['EncodingType', query.get('encoding-type')]
  ])
}

export async function listObjectsV2(request: S3Request): Promise<S3Response> {
  const { store, bucket, query } = request
  screen(request, 'Read')
  const version = query.get('list-type') ?? ''
  if (version !== '2') throw notImplemented(`ListObjectsV${version}`)
  refuseQuery(query, 'ListObjectsV2', secondNames)
  const { prefix, delimiter, asked, limit, encode } = readCommon(request)
  const token = query.get('continuation-token')
  const startAfter = query.get('start-after')
  const after = token === undefined ? (startAfter ?? '') : parseToken(token)
  const page = await store.list(bucket, { prefix, delimiter, startAfter: after, limit })

  return xmlResponse('ListBucketResult', [
    ['Name', bucket],
    contents(page.objects, encode, query.get('fetch-owner') === 'true'),
    ['IsTruncated', page.isTruncated],
    ...commonPrefixes(page, encode),
    ['Prefix', encode(prefix)],
    ['Delimiter', delimiter === '' ? undefined : encode(delimiter)],
    ['StartAfter', startAfter === undefined ? undefined : encode(startAfter)],
    ['ContinuationToken', token],
    ['NextContinuationToken', page.isTruncated ? toToken(page.last ?? after) : undefined],
    ['MaxKeys', asked],
    ['KeyCount', page.objects.length + page.prefixes.length],
    ['EncodingType', query.get('encoding-type')]
  ])
}

interface Common {
  prefix: string
  delimiter: string
  /** As the client asked, for the answer. */
  asked: number
  limit: number
  encode: (text: string) => string
}

/** Everything that is a key or a part of one goes through it. */
export function readEncoding(query: Query): (text: string) => string {
  const encoding = query.get('encoding-type')
  if (encoding === undefined) return text => text
  if (encoding === 'url') return encodeUrl

  throw notImplemented(`Unrecognized encoding-type "${encoding}"`)
}

function readCommon({ query }: S3Request): Common {
  return {
    prefix: query.get('prefix') ?? '',
    delimiter: query.get('delimiter') ?? '',
    ...readMaxKeys(query.get('max-keys'), pageCountMax),
    encode: readEncoding(query)
  }
}

const ownerText = element(owner)

/** Written at once: a page has a thousand of them. ETags and storage classes have nothing to escape. */
function contents(
  objects: readonly ListedObject[],
  encode: (text: string) => string,
  withOwner: boolean
): XmlFragment {
  const end = `</StorageClass>${withOwner ? ownerText : ''}</Contents>`
  const toDate = dateWriter()
  let text = ''
  for (const { key, size, uploaded, etag, storageClass } of objects) {
    text +=
      `<Contents><Key>${escape(encode(key))}</Key><Size>${size}</Size>` +
      `<LastModified>${toDate(uploaded)}</LastModified>` +
      `<ETag>&quot;${etag}&quot;</ETag><StorageClass>${storageClass}${end}`
  }
  return new XmlFragment(text)
}

/** Milliseconds since the epoch as `toISOString` gives them; what was uploaded together has its second formatted once. */
function dateWriter(): (time: number) => string {
  let second = NaN
  let start = ''
  return time => {
    const milliseconds = time % 1000
    if (time - milliseconds !== second) {
      second = time - milliseconds
      start = new Date(second).toISOString().slice(0, -4)
    }
    return `${start}${String(milliseconds).padStart(3, '0')}Z`
  }
}

export function commonPrefixes(
  { prefixes }: Pick<ListResult, 'prefixes'>,
  encode: (text: string) => string
): XmlElement[] {
  return prefixes.map((prefix): XmlElement => ['CommonPrefixes', [['Prefix', encode(prefix)]]])
}

/** Everything but unreserved characters, `/` too. */
function encodeUrl(text: string): string {
  return encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    character => `%${character.charCodeAt(0).toString(16).toUpperCase()}`
  )
}

function toToken(after: string): string {
  return Buffer.from(tokenLabel + after).toString('base64url')
}

function parseToken(token: string): string {
  const text = Buffer.from(token, 'base64url').toString()
  if (!text.startsWith(tokenLabel)) {
    throw new S3Error('InvalidArgument', 'The continuation token provided is incorrect')
  }
  return text.slice(tokenLabel.length)
}
