/**
 * The recovery sheet: a master key to print, and to type in again.
 *
 *     14 groups of 5 characters of Crockford's base 32 (0-9 and A-Z without I, L, O, U)
 *       groups 1 to 13   4 characters of data and one that checks them: 260 bits, most significant first, the number 1 (4 bits) and
 *                        the key (256)
 *       group 14         the first 20 bits of SHA-256 of "r2d recovery sheet 1", a zero and the key, and a check likewise
 *
 *     check              a*c1 + a^2*c2 + a^3*c3 + a^4*c4 + n over GF(32), with a^5 = a^2 + 1, for group n
 *
 * A character that is wrong, two that changed places, or a group that stands where another belongs, is noticed in its own
 * group, which can be named. What gets past that, 1 in 32 for a group that is all wrong, is caught by the last group.
 *
 * I and L are read as 1, O as 0, and small letters as capitals.
 *
 * docs/format.md#recovery-sheet
 */

import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { keySize } from './sodium.ts'

const digits = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const version = 1n
const dataSize = 4
const groupSize = dataSize + 1
const dataGroupCount = 13
export const groupCount = dataGroupCount + 1
const groupsPerLine = 5
const sumBits = 20n

assert(digits.length === 32)
assert(dataGroupCount * dataSize * 5 === 4 + keySize * 8)

export interface SheetHead {
  /** Hexadecimal, both. */
  storeId: string
  keyId: string
  /** Milliseconds since the epoch. */
  now: number
}

export function formatRecoverySheet(key: Buffer, { storeId, keyId, now }: SheetHead): string {
  const groups = toGroups(key)
  const lines: string[] = []
  for (let first = 0; first < groupCount; first += groupsPerLine) {
    const line = groups
      .slice(first, first + groupsPerLine)
      .map((group, index) => `${String(first + index + 1).padStart(4)}  ${group}`)
    lines.push(line.join('   '))
  }

  const day = new Date(now).toISOString().slice(0, 10)
  return `\
RECOVERY SHEET OF AN R2D STORE

    Store     ${storeId}
    Key       ${keyId}
    Printed   ${day}

Whoever has this sheet and the store can read everything in it.
Keep it where the store is not.

${lines.join('\n\n')}

To use it: r2d key import, and type the groups in, in any case,
with spaces or line breaks between. 0 and O are one, and so are 1, I and L.
To see whether it is still good: r2d key verify.
`
}

export function toGroups(key: Buffer): string[] {
  assert(key.length === keySize)
  let bits = (version << BigInt(keySize * 8)) | BigInt(`0x${key.toString('hex')}`)
  bits = (bits << sumBits) | sumOf(key)

  const data: number[] = []
  for (let left = groupCount * dataSize; left > 0; left--) {
    data.unshift(Number(bits & 31n))
    bits >>= 5n
  }
  return Array.from({ length: groupCount }, (_, index) => {
    const values = data.slice(index * dataSize, (index + 1) * dataSize)
    return [...values, checkOf(index + 1, values)].map(value => digits.charAt(value)).join('')
  })
}

export type SheetReading =
  | { kind: 'key'; key: Buffer }
  /** Numbers of groups, from 1. */
  | { kind: 'faults'; wrong: number[]; missing: number[] }
  /** Each group is right by itself, and together they are not a key. */
  | { kind: 'mismatch' }
  /** Not a sheet, and not the groups of one: how many there were. */
  | { kind: 'no-groups'; found: number }

/** The sheet as it was printed, or its groups alone, in order. */
export function parseRecoverySheet(text: string): SheetReading {
  const groups = findGroups(text)
  if (!Array.isArray(groups)) return { kind: 'no-groups', found: groups.found }

  const missing: number[] = []
  const wrong: number[] = []
  const data: number[] = []
  for (let number = 1; number <= groupCount; number++) {
    const group = groups[number - 1]
    const values = group === undefined ? undefined : readGroup(number, group)
    if (group === undefined) missing.push(number)
    else if (values === undefined) wrong.push(number)
    else data.push(...values)
  }
  if (wrong.length + missing.length > 0) return { kind: 'faults', wrong, missing }

  const bits = data.reduce((sum, value) => (sum << 5n) | BigInt(value), 0n)
  const hex = (bits >> sumBits).toString(16).padStart(keySize * 2 + 1, '0')
  const key = Buffer.from(hex.slice(-keySize * 2), 'hex')
  const isWhole =
    hex.length === keySize * 2 + 1 &&
    BigInt(`0x${hex.charAt(0)}`) === version &&
    (bits & ((1n << sumBits) - 1n)) === sumOf(key)
  return isWhole ? { kind: 'key', key } : { kind: 'mismatch' }
}

/** Whether this is group `number` of a sheet, as far as the group itself can tell. */
export function isRightGroup(number: number, group: string): boolean {
  return readGroup(number, group) !== undefined
}

/** Behind their numbers, if they have them; else all that is there, in order. */
function findGroups(text: string): (string | undefined)[] | { found: number } {
  const labelled = /(?<![0-9A-Za-z])(\d{1,2})[.:)]?[ \t]+([0-9A-Za-z]{3,7})(?![0-9A-Za-z])/g
  const lines = text.split('\n').filter(line => /^\s*\d{1,2}[.:)]?[ \t]+\S/.test(line))
  const groups: (string | undefined)[] = Array.from({ length: groupCount }, () => undefined)
  if (lines.length > 0) {
    for (const [, number, group] of lines.join('\n').matchAll(labelled)) {
      const index = Number(number) - 1
      if (index < groupCount) groups[index] ??= group
    }
    return groups
  }

  const words = text.split(/[\s-]+/).filter(word => word !== '')
  if (words.length === groupCount) return words
  const all = words.join('')
  if (all.length !== groupCount * groupSize) return { found: words.length }
  return groups.map((_, index) => all.slice(index * groupSize, (index + 1) * groupSize))
}

/** Its data. */
function readGroup(number: number, group: string): number[] | undefined {
  if (group.length !== groupSize) return undefined
  const values = Array.from(group, valueOf)
  const data = values.slice(0, dataSize)
  if (values.includes(-1) || checkOf(number, data) !== values[dataSize]) return undefined
  return data
}

function valueOf(character: string): number {
  const capital = character.toUpperCase()
  const digit = capital === 'O' ? '0' : capital === 'I' || capital === 'L' ? '1' : capital
  return digits.indexOf(digit)
}

function checkOf(number: number, data: readonly number[]): number {
  assert(data.length === dataSize)
  let check = number
  for (const [index, value] of data.entries()) {
    let term = value
    for (let power = 0; power <= index; power++) term = timesA(term)
    check ^= term
  }
  return check
}

/** In GF(32), modulo a^5 + a^2 + 1. */
function timesA(value: number): number {
  const doubled = value << 1
  return doubled >= 32 ? doubled ^ 0b100101 : doubled
}

function sumOf(key: Buffer): bigint {
  const digest = hash(
    'sha256',
    Buffer.concat([Buffer.from('r2d recovery sheet 1\0'), key]),
    'buffer'
  )
  return BigInt(digest.readUIntBE(0, 3)) >> 4n
}
