/**
 * ListObjects: keys in UTF-8 byte order, at one snapshot, with everything under a common prefix passed over by one seek.
 */

import { objectRange, prefixEnd } from '../metadata/keys.ts'
import { decodeObjectSummary } from '../metadata/object-record.ts'
import type { StoreContext } from './context.ts'
import type { ListOptions, ListResult } from './store.ts'

/**
 * Entries fetched at once: one where the next may be a prefix that ends the run, and twice as many each time that it is not.
 */
const fetchCountMin = 1
const fetchCountMax = 1024

export async function list(
  { buckets, metadata }: StoreContext,
  bucketName: string,
  { prefix, delimiter, startAfter, limit }: ListOptions
): Promise<ListResult> {
  const { record } = await buckets.open(bucketName)
  const wanted = toBytes(prefix)
  const divider = toBytes(delimiter)
  const after = toBytes(startAfter)
  const range = objectRange(record.id, wanted)
  const page: ListResult = { objects: [], prefixes: [], isTruncated: false, last: undefined }

  await using cursor = metadata.scanValues(range)
  const rowKeyOf = (key: Buffer): Buffer => objectRange(record.id, key).gte
  if (after.length > 0) cursor.seek(laterOf(range.gte, rowKeyOf(Buffer.concat([after, zero]))))

  let fetchCount = divider.length === 0 ? Math.min(limit + 1, fetchCountMax) : fetchCountMin
  for (;;) {
    const values = await cursor.read(fetchCount)
    if (values.length === 0) return ended(page, false)

    fetchCount = Math.min(fetchCount * 2, fetchCountMax)
    for (const value of values) {
      const object = decodeObjectSummary(value)
      const common =
        divider.length === 0 ? undefined : commonPrefix(toBytes(object.key), wanted.length, divider)
      const isListed = common !== undefined && common.equals(after)
      if (!isListed && page.objects.length + page.prefixes.length === limit) {
        return ended(page, true)
      }

      if (common === undefined) {
        object.key = spellKey(object.key, prefix, wanted.length)
        page.objects.push(object)
        page.last = object.key
        continue
      }

      if (!isListed) {
        const spelling = spellKey(object.key, prefix, wanted.length)
        page.prefixes.push(spellPrefix(spelling, common, prefix, delimiter))
        page.last = common.toString()
      }
      const next = prefixEnd(rowKeyOf(common))
      if (Buffer.compare(next, range.lt) >= 0) return ended(page, false)
      cursor.seek(next)
      fetchCount = fetchCountMin
      break
    }
  }
}

/** Pages go on by the row's form of a key, whatever its spelling. */
function ended(page: ListResult, isTruncated: boolean): ListResult {
  return { ...page, isTruncated, last: page.last?.normalize('NFC') }
}

const zero = Buffer.alloc(1)

/** `key` up to and with the first delimiter behind the prefix. */
export function commonPrefix(
  key: Buffer,
  prefixLength: number,
  divider: Buffer
): Buffer | undefined {
  if (divider.length === 0) return undefined
  const index = key.indexOf(divider, prefixLength)

  return index === -1 ? undefined : key.subarray(0, index + divider.length)
}

/**
 * The key as it was last spelled. Where the prefix was asked for in another spelling, it is answered in the one that was
 * asked for, with the rest in NFC: clients cut off as many characters as their prefix has.
 */
function spellKey(spelling: string, prefix: string, prefixSize: number): string {
  return spelling.startsWith(prefix)
    ? spelling
    : prefix + toBytes(spelling).toString('utf8', prefixSize)
}

/** Cut from the spelling of the first key under it, so that a client that asks for it next gets keys that begin with it. */
function spellPrefix(spelling: string, common: Buffer, prefix: string, delimiter: string): string {
  const index = spelling.indexOf(delimiter, prefix.length)

  return index === -1 ? common.toString() : spelling.slice(0, index + delimiter.length)
}

function laterOf(a: Buffer, b: Buffer): Buffer {
  return Buffer.compare(a, b) < 0 ? b : a
}

/** As keys are stored. Longer than any key is fine here: it just matches nothing. */
function toBytes(text: string): Buffer {
  return Buffer.from(text.normalize('NFC'))
}
