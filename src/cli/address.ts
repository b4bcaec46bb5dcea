/**
 * Addresses on the command line.
 *
 *     r2://bucket/key, s3://bucket/key   an object; with a `/` at the end, or nothing behind the bucket, a prefix
 *     bucket/key                         the same, where a local path would make no sense
 *     -                                  standard input or output
 *     anything else                      a local path
 */

import { R2dError } from '../errors.ts'

export type Address =
  | { kind: 'remote'; bucket: string; key: string }
  | { kind: 'local'; path: string }
  | { kind: 'standard' }

const scheme = /^(?:r2|s3):\/\//

export function parseAddress(text: string): Address {
  if (text === '-') return { kind: 'standard' }
  if (scheme.test(text)) return { kind: 'remote', ...parseRemote(text) }
  if (text === '') throw new R2dError('R2D_INVALID_CONFIG', 'An address is empty')

  return { kind: 'local', path: text }
}

/** With or without the scheme. The key is empty where only a bucket is named. */
export function parseRemote(text: string): { bucket: string; key: string } {
  const path = text.replace(scheme, '')
  const slash = path.indexOf('/')
  const bucket = slash === -1 ? path : path.slice(0, slash)
  if (bucket === '') {
    throw new R2dError('R2D_INVALID_CONFIG', `${JSON.stringify(text)} names no bucket`, {
      hint: 'Write it as r2://bucket/key'
    })
  }

  return { bucket, key: slash === -1 ? '' : path.slice(slash + 1) }
}

/** An object, not a bucket or prefix. */
export function parseObject(text: string): { bucket: string; key: string } {
  const address = parseRemote(text)
  if (address.key === '') {
    throw new R2dError(
      'R2D_INVALID_CONFIG',
      `${JSON.stringify(text)} names a bucket, not an object`,
      {
        hint: 'Write it as r2://bucket/key'
      }
    )
  }

  return address
}

export function formatRemote({ bucket, key }: { bucket: string; key: string }): string {
  return `r2://${bucket}/${key}`
}
