/**
 * S3 requests as bytes, signed in their headers (AWS Signature Version 4), made before the clock starts.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
 */

import { createHash, createHmac } from 'node:crypto'

export interface Signer {
  host: string
  accessKeyId: string
  secretAccessKey: string
}

export function signedRequest(
  { host, accessKeyId, secretAccessKey }: Signer,
  method: string,
  path: string,
  body: Buffer = Buffer.alloc(0)
): Buffer {
  const [pathname = '', query = ''] = path.split('?')
  const time = new Date().toISOString().replaceAll(/[-:]|\.\d+/g, '')
  const date = time.slice(0, 8)
  const hash = createHash('sha256').update(body).digest('hex')
  const headers = `host:${host}\nx-amz-content-sha256:${hash}\nx-amz-date:${time}\n`
  const names = 'host;x-amz-content-sha256;x-amz-date'
  const canonical = [method, pathname, query, headers, names, hash].join('\n')
  const scope = `${date}/auto/s3/aws4_request`
  const digest = createHash('sha256').update(canonical).digest('hex')
  const key = [date, 'auto', 's3', 'aws4_request'].reduce<Buffer>(
    (derived, part) => createHmac('sha256', derived).update(part).digest(),
    Buffer.from(`AWS4${secretAccessKey}`)
  )
  const signature = createHmac('sha256', key)
    .update(['AWS4-HMAC-SHA256', time, scope, digest].join('\n'))
    .digest('hex')

  const head = [
    `${method} ${path} HTTP/1.1`,
    `Host: ${host}`,
    `x-amz-content-sha256: ${hash}`,
    `x-amz-date: ${time}`,
    `Authorization: AWS4-HMAC-SHA256 Credential=${accessKeyId}/${scope}, SignedHeaders=${names}, Signature=${signature}`,
    ...(method === 'PUT' ? [`Content-Length: ${body.length}`] : [])
  ].join('\r\n')
  return Buffer.concat([Buffer.from(`${head}\r\n\r\n`), body])
}
