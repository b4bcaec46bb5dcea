// The recovery sheet: what was printed is what is typed in, and what was mistyped is named.

import assert from 'node:assert/strict'
import test from 'ava'
import fc from 'fast-check'
import {
  formatRecoverySheet,
  groupCount,
  parseRecoverySheet,
  toGroups
} from '../../src/crypto/recovery-sheet.ts'

const head = { storeId: '11'.repeat(16), keyId: '22'.repeat(8), now: 0 }
const key = fc.uint8Array({ minLength: 32, maxLength: 32 }).map(bytes => Buffer.from(bytes))
const character = fc.constantFrom(...Array.from('0123456789ABCDEFGHJKMNPQRSTVWXYZ'))
const place = fc.nat(groupCount - 1)

test('a sheet has the groups that docs/format.md gives', t => {
  t.is(
    toGroups(Buffer.alloc(32, 1)).join(' '),
    '2081Z 040GZ 2081X 040GS 2081V 040GV 2081S 040GN 2081Q 040GQ 2081N 040GH 2081K N4M6F'
  )
})

test('a sheet, or its groups in any case and spacing, gives its key back', t => {
  const between = fc.constantFrom(' ', '\n', '-', '  ', '')
  const property = fc.property(key, between, fc.boolean(), (key, between, isSmall) => {
    const groups = toGroups(key).join(between)
    const typed = isSmall ? groups.toLowerCase().replaceAll('0', 'o').replaceAll('1', 'l') : groups

    assert.deepEqual(parseRecoverySheet(formatRecoverySheet(key, head)), { kind: 'key', key })
    assert.deepEqual(parseRecoverySheet(typed), { kind: 'key', key })
  })

  t.notThrows(() => {
    fc.assert(property)
  })
})

test('a wrong character, and two neighbours that changed places, are named by their group', t => {
  const property = fc.property(key, place, fc.nat(4), character, (key, at, index, wrong) => {
    const groups = toGroups(key)
    const group = groups[at] ?? ''
    const mistyped = group.slice(0, index) + wrong + group.slice(index + 1)
    const next = Math.min(index, 3)
    const swapped =
      group.slice(0, next) + group.charAt(next + 1) + group.charAt(next) + group.slice(next + 2)

    for (const other of [mistyped, swapped].filter(each => each !== group)) {
      const typed = groups.with(at, other)
      const expected = { kind: 'faults', wrong: [at + 1], missing: [] }
      assert.deepEqual(parseRecoverySheet(typed.join(' ')), expected)
      const sheet = formatRecoverySheet(key, head).replace(group, other)
      // A group may occur twice; then the first of them was replaced.
      if (groups.indexOf(group) === at) assert.deepEqual(parseRecoverySheet(sheet), expected)
    }
  })

  t.notThrows(() => {
    fc.assert(property)
  })
})

test('groups that changed places are named, both of them', t => {
  const property = fc.property(key, place, place, (key, a, b) => {
    fc.pre(a !== b)
    const groups = toGroups(key)
    const typed = groups.with(a, groups[b] ?? '').with(b, groups[a] ?? '')

    const wrong = [a + 1, b + 1].sort((x, y) => x - y)
    assert.deepEqual(parseRecoverySheet(typed.join(' ')), { kind: 'faults', wrong, missing: [] })
  })

  t.notThrows(() => {
    fc.assert(property)
  })
})

test('a group that is missing from a sheet is named, and groups of another key are no key', t => {
  const groups = toGroups(Buffer.alloc(32, 1))
  const sheet = formatRecoverySheet(Buffer.alloc(32, 1), head)
  const cut = sheet.replace(` 7  ${groups[6] ?? ''}`, ' 7')

  t.deepEqual(parseRecoverySheet(cut), { kind: 'faults', wrong: [], missing: [7] })
  const mixed = groups.with(2, toGroups(Buffer.alloc(32, 2))[2] ?? '')
  t.deepEqual(parseRecoverySheet(mixed.join(' ')), { kind: 'mismatch' })
  t.deepEqual(parseRecoverySheet(groups.slice(1).join(' ')), { kind: 'no-groups', found: 13 })
  t.deepEqual(parseRecoverySheet(''), { kind: 'no-groups', found: 0 })
})
