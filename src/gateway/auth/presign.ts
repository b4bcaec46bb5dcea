/**
 * Presigned URLs: a request that whoever holds the URL may make until it expires.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
 */

import { hash } from 'node:crypto'
import { SigningKey } from './signing-key.ts'

export interface PresignRequest {
  /** `http://host:port`, without a path. */
  endpoint: string
  method: 'GET' | 'HEAD' | 'PUT' | 'DELETE'
  bucket: string
  key: string
  /** 1 to 604800 (a week). */
  expiresSeconds: number
  accessKeyId: string
  secret: string
  /** Milliseconds since the epoch. */
  now: number
}

export function presign(request: PresignRequest): string {
  const { endpoint, method, bucket, key, expiresSeconds, accessKeyId, secret, now } = request
  const time = new Date(now).toISOString().replaceAll(/[-:]|\.\d+/g, '')
  const date = time.slice(0, 8)
  const scope = `${date}/auto/s3/aws4_request`
  const path = `/${[bucket, ...key.split('/')].map(encode).join('/')}`
  const query = [
    ['X-Amz-Algorithm', 'AWS4-HMAC-SHA256'],
    ['X-Amz-Credential', `${accessKeyId}/${scope}`],
    ['X-Amz-Date', time],
    ['X-Amz-Expires', String(expiresSeconds)],
    ['X-Amz-SignedHeaders', 'host']
  ]
    .map(([name = '', value = '']) => `${encode(name)}=${encode(value)}`)
    .join('&')

  const { host } = new URL(endpoint)
  const canonical = [method, path, query, `host:${host}\n`, 'host', 'UNSIGNED-PAYLOAD'].join('\n')
  const text = ['AWS4-HMAC-SHA256', time, scope, hash('sha256', canonical)].join('\n')
  const signature = SigningKey.derive(secret, date, 'auto', 's3').sign(text)

  return `${endpoint}${path}?${query}&X-Amz-Signature=${signature}`
}

/** RFC 3986 unreserved characters stay; encodeURIComponent leaves four others alone. */
function encode(text: string): string {
  return encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    character => `%${character.charCodeAt(0).toString(16).toUpperCase()}`
  )
}
