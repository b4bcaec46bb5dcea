/**
 * Checksums as elements of S3's XML: `ChecksumCRC32` and its like.
 */

import type { ObjectInfo } from '../../objects/store.ts'
import type { Checksums } from '../../metadata/object-record.ts'
import { parseChecksum, type ChecksumName } from '../headers/checksum-headers.ts'
import { textOf, type XmlElement } from './xml.ts'

const elementNames = {
  crc32: 'ChecksumCRC32',
  crc32c: 'ChecksumCRC32C',
  crc64nvme: 'ChecksumCRC64NVME',
  sha1: 'ChecksumSHA1',
  sha256: 'ChecksumSHA256'
} as const satisfies Record<ChecksumName, string>

const entries = Object.entries(elementNames) as [ChecksumName, string][]

/** `partCount`: of an object whose checksums are of its parts' checksums. */
export function writeChecksumElements(checksums: Checksums, partCount?: number): XmlElement[] {
  return entries.flatMap(([name, element]): XmlElement[] => {
    const value = checksums[name]?.toString('base64')
    if (value === undefined) return []
    return [[element, partCount === undefined ? value : `${value}-${partCount}`]]
  })
}

/** Undefined where there are no checksums. */
export function checksumTypeOf({
  checksums,
  isComposite
}: Pick<ObjectInfo, 'checksums' | 'isComposite'>): string | undefined {
  if (Object.keys(checksums).length === 0) return undefined

  return isComposite ? 'COMPOSITE' : 'FULL_OBJECT'
}

export function readChecksumElements(parent: Record<string, unknown>): Checksums {
  const checksums: Checksums = {}
  for (const [name, element] of entries) {
    const value = textOf(parent, element)
    if (value !== undefined) checksums[name] = parseChecksum(name, value)
  }
  return checksums
}
