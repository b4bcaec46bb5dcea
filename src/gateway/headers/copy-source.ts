/**
 * `x-amz-copy-source`: the object that CopyObject and UploadPartCopy read from.
 */

import type { IncomingHttpHeaders } from 'node:http'
import { S3Error } from '../s3/s3-error.ts'

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** `/bucket/key` or `bucket/key`, percent-encoded. */
export function readCopySource(headers: IncomingHttpHeaders): { bucket: string; key: string } {
  const header = String(headers['x-amz-copy-source'])
  let decoded: string
  try {
    // Node.js gives header bytes as Latin-1; a client that does not encode sends UTF-8.
    decoded = decodeURIComponent(utf8.decode(Buffer.from(header, 'latin1')))
  } catch (error) {
    throw new S3Error('InvalidArgument', 'copy source bucket name', { cause: error })
  }
  const path = decoded.startsWith('/') ? decoded.slice(1) : decoded
  const slash = path.indexOf('/')
  if (slash < 1 || slash === path.length - 1) {
    throw new S3Error('InvalidArgument', 'copy source bucket name')
  }
  return { bucket: path.slice(0, slash), key: path.slice(slash + 1) }
}
