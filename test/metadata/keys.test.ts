// Row keys: their order is S3's order, ranges hold exactly what they are for, and keys that are none are refused.

import assert from 'node:assert/strict'
import test from 'ava'
import fc from 'fast-check'
import { R2dError } from '../../src/errors.ts'
import {
  bucketKey,
  bucketRange,
  normalizeKey,
  objectKey,
  objectRange,
  parseObjectKey,
  prefixEnd,
  volumeKey,
  volumeRange
} from '../../src/metadata/keys.ts'

const id = Buffer.alloc(12, 7)
const text = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 20 })
  .filter(key => key.isWellFormed())
const isIn = ({ gte, lt }: { gte: Buffer; lt: Buffer }, key: Buffer): boolean => {
  return Buffer.compare(key, gte) >= 0 && Buffer.compare(key, lt) < 0
}

test('objects of a bucket are in the order of the UTF-8 bytes of their keys', t => {
  const property = fc.property(text, text, (a, b) => {
    const [x, y] = [normalizeKey(a), normalizeKey(b)]
    const order = Math.sign(Buffer.compare(objectKey(id, x), objectKey(id, y)))
    assert.equal(order, Math.sign(Buffer.compare(x, y)))
    assert(parseObjectKey(objectKey(id, x)).key.equals(x))
  })

  t.notThrows(() => {
    fc.assert(property)
  })
})

test('a range of a prefix holds the keys that begin with it and no other', t => {
  const property = fc.property(
    fc.uint8Array({ maxLength: 6 }),
    fc.uint8Array({ minLength: 1, maxLength: 8 }),
    (prefix, key) => {
      const range = objectRange(id, Buffer.from(prefix))
      const begins = Buffer.from(key.subarray(0, prefix.length)).equals(Buffer.from(prefix))
      assert.equal(isIn(range, objectKey(id, Buffer.from(key))), begins)
      assert(!isIn(range, objectKey(Buffer.alloc(12, 8), Buffer.from(key))))
    }
  )

  t.notThrows(() => {
    fc.assert(property)
  })
})

test('the end of a prefix passes over bytes of 0xff', t => {
  t.is(prefixEnd(Buffer.from('61ffff', 'hex')).toString('hex'), '62')
  t.is(prefixEnd(Buffer.from('6161', 'hex')).toString('hex'), '6162')
})

test('buckets and volumes have ranges of their own', t => {
  t.true(isIn(bucketRange('pic'), bucketKey('pictures')))
  t.false(isIn(bucketRange('pic'), bucketKey('pid')))
  t.true(isIn(volumeRange(), volumeKey(0xffffffff)))
  t.false(isIn(bucketRange(''), volumeKey(1)))
})

test('two spellings of one text are one key', t => {
  t.true(normalizeKey('Ame\u0301lie').equals(normalizeKey('Amélie')))
})

for (const [what, key] of [
  ['empty', ''],
  ['1,025 bytes long', 'x'.repeat(1025)],
  ['1,026 bytes long in UTF-8', 'é'.repeat(513)],
  ['half of a surrogate pair', 'a\ud800']
] as const) {
  test(`a key that is ${what} is refused`, t => {
    const error = t.throws(() => normalizeKey(key), { instanceOf: R2dError })

    t.is(error.code, 'R2D_INVALID_KEY')
  })
}
