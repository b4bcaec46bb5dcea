// One request as it is written here, signed in its headers, and the answer as it comes: what no SDK would send or show.

import { createHash, createHmac } from 'node:crypto'
import { once } from 'node:events'
import http, { type IncomingHttpHeaders, type IncomingMessage } from 'node:http'
import type { S3Endpoint } from './s3.ts'

export interface Answer {
  status: number
  headers: IncomingHttpHeaders
  text: string
  /** Of an error document. */
  code: string
  message: string
}

export interface Sent {
  method: string
  /** As it goes on the wire, query included. */
  path: string
  headers?: Record<string, string> | undefined
  body?: string | Buffer | undefined
}

export async function signedSend(endpoint: S3Endpoint, sent: Sent): Promise<Answer> {
  const { host } = new URL(endpoint.endpoint)
  const body = Buffer.from(sent.body ?? '')
  const headers: Record<string, string> = {
    host,
    'x-amz-content-sha256': createHash('sha256').update(body).digest('hex'),
    'x-amz-date': new Date().toISOString().replaceAll(/[-:]|\.\d+/g, ''),
    ...sent.headers
  }
  return send(endpoint, {
    ...sent,
    headers: { ...headers, authorization: sign(endpoint, sent, headers) }
  })
}

/** Without a signature, unless `headers` or the query has one. */
export async function send(
  { endpoint }: Pick<S3Endpoint, 'endpoint'>,
  { method, path, headers = {}, body = '' }: Sent
): Promise<Answer> {
  const bytes = Buffer.from(body)
  const { hostname, port } = new URL(endpoint)
  const isChunked = headers['transfer-encoding'] === 'chunked'
  const length = isChunked ? {} : { 'content-length': String(bytes.length) }
  const request = http.request({ hostname, port, method, path, headers: { ...length, ...headers } })
  request.end(bytes)

  const [response] = (await once(request, 'response')) as [IncomingMessage]
  let text = ''
  response.setEncoding('utf8')
  for await (const piece of response) text += String(piece)
  const element = (name: string): string => {
    const found = new RegExp(`<${name}>([^<]*)</${name}>`).exec(text)?.[1] ?? ''
    return found
      .replaceAll('&quot;', '"')
      .replaceAll('&apos;', "'")
      .replaceAll('&lt;', '<')
      .replaceAll('&gt;', '>')
      .replaceAll('&amp;', '&')
  }
  const { statusCode = 0 } = response
  return {
    status: statusCode,
    headers: response.headers,
    text,
    code: element('Code'),
    message: element('Message')
  }
}

function sign(
  { accessKeyId, secretAccessKey }: S3Endpoint,
  { method, path }: Sent,
  headers: Record<string, string>
): string {
  const [pathname = '', query = ''] = path.split('?')
  const time = headers['x-amz-date'] ?? ''
  const date = time.slice(0, 8)
  const names = Object.keys(headers).sort()
  const pairs =
    query === '' ? [] : query.split('&').map(pair => (pair.includes('=') ? pair : `${pair}=`))
  const canonical = [
    method,
    pathname,
    pairs.sort().join('&'),
    ...names.map(name => `${name}:${(headers[name] ?? '').trim()}`),
    '',
    names.join(';'),
    headers['x-amz-content-sha256']
  ].join('\n')
  const scope = `${date}/auto/s3/aws4_request`
  const digest = createHash('sha256').update(canonical).digest('hex')
  const key = [date, 'auto', 's3', 'aws4_request'].reduce<Buffer>(
    (derived, part) => createHmac('sha256', derived).update(part).digest(),
    Buffer.from(`AWS4${secretAccessKey}`)
  )
  const signature = createHmac('sha256', key)
    .update(['AWS4-HMAC-SHA256', time, scope, digest].join('\n'))
    .digest('hex')

  return `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${scope}, SignedHeaders=${names.join(';')}, Signature=${signature}`
}
