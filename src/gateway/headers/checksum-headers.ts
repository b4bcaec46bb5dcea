/**
 * The digests that a client sends with a body, in headers or trailers, and their comparison with what came.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
 */

import type { IncomingHttpHeaders } from 'node:http'
import type { Checksums } from '../../metadata/object-record.ts'
import type { DigestName } from '../../objects/store.ts'
import { S3Error } from '../s3/s3-error.ts'

const sizes = { sha1: 20, sha256: 32, crc32: 4, crc32c: 4, crc64nvme: 8 } as const

export type ChecksumName = keyof typeof sizes

export const checksumNames = Object.keys(sizes) as ChecksumName[]

export function checksumHeader(name: ChecksumName): string {
  return `x-amz-checksum-${name}`
}

/** What a body must have, raw bytes. */
export type ExpectedDigests = Partial<Record<DigestName, Buffer>>

/** `content-md5` and the `x-amz-checksum-` headers. */
export function readExpected(
  headers: IncomingHttpHeaders,
  { hasChecksums }: { hasChecksums: boolean }
): ExpectedDigests {
  const expected: ExpectedDigests = {}
  const md5 = headers['content-md5']
  if (md5 !== undefined) {
    const bytes = decodeBase64(String(md5), 16)
    if (bytes === undefined) throw new S3Error('InvalidDigest')
    expected.md5 = bytes
  }
  if (!hasChecksums) return expected

  const present = checksumNames.filter(name => headers[checksumHeader(name)] !== undefined)
  if (present.length > 1) throw severalChecksums()
  for (const name of present) {
    expected[name] = parseChecksum(name, String(headers[checksumHeader(name)]))
  }
  return expected
}

export function severalChecksums(): S3Error {
  return new S3Error(
    'InvalidRequest',
    'Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.'
  )
}

const algorithmHeader = 'x-amz-sdk-checksum-algorithm'

/**
 * The algorithm that an SDK names. `sent`: whose value comes, in a header or a trailer; where none does, the checksum is
 * computed here, and kept.
 */
export function readAlgorithm(
  headers: IncomingHttpHeaders,
  sent: ChecksumName | undefined
): ChecksumName | undefined {
  const value = headers[algorithmHeader]
  if (value === undefined) return undefined
  const name = parseAlgorithm(String(value))
  if (sent === undefined || sent === name) return name

  throw new S3Error('InvalidRequest', `Value for ${algorithmHeader} header is invalid.`)
}

export function parseAlgorithm(text: string): ChecksumName {
  const name = checksumNames.find(each => each === text.toLowerCase())
  if (name !== undefined) return name

  throw new S3Error(
    'InvalidRequest',
    'Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]'
  )
}

export function parseChecksum(name: ChecksumName, value: string): Buffer {
  const bytes = decodeBase64(value, sizes[name])
  if (bytes !== undefined) return bytes

  throw new S3Error('InvalidRequest', `Value for ${checksumHeader(name)} header is invalid.`)
}

/** The checksum that a header or trailer of this name is for. */
export function checksumOfHeader(header: string): ChecksumName | undefined {
  return checksumNames.find(name => checksumHeader(name) === header)
}

/** BadDigest for the first that differs. */
export function requireDigests(expected: ExpectedDigests, found: Checksums): void {
  const { md5, ...others } = expected
  if (md5 !== undefined && found.md5?.equals(md5) !== true) {
    throw new S3Error(
      'BadDigest',
      'The MD5 checksum you specified did not match what we received.\n' +
        `You provided a MD5 checksum with value: ${md5.toString('hex')}\n` +
        `Actual MD5 was: ${found.md5?.toString('hex') ?? ''}`
    )
  }
  for (const [name, value] of Object.entries(others) as [ChecksumName, Buffer][]) {
    if (found[name]?.equals(value) !== true) {
      const label = name.toUpperCase()
      throw new S3Error(
        'BadDigest',
        `The ${label} checksum you specified did not match what we received.\n` +
          `You provided a ${label} checksum with value: ${value.toString('base64')}\n` +
          `Actual ${label} was: ${found[name]?.toString('base64') ?? ''}`
      )
    }
  }
}

function decodeBase64(text: string, size: number): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64')

  return bytes.length === size && bytes.toString('base64') === text ? bytes : undefined
}
