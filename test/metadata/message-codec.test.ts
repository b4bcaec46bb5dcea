// What one thread sends is what another gets: bytes as Buffers, everything else as it was.

import assert from 'node:assert/strict'
import test from 'ava'
import fc from 'fast-check'
import { decodeMessage, encodeMessage } from '../../src/metadata/message-codec.ts'

const { value } = fc.letrec(tie => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.constant(undefined),
    fc.boolean(),
    fc.double(),
    fc.string({ unit: 'grapheme', maxLength: 40 }),
    fc.uint8Array({ maxLength: 5000 }).map(bytes => Buffer.from(bytes)),
    fc.array(tie('value'), { maxLength: 6 }),
    fc.dictionary(
      fc.string({ maxLength: 8 }).filter(name => name !== '__proto__'),
      tie('value'),
      { maxKeys: 6, noNullPrototype: true }
    )
  )
}))

test('a message decodes to what was encoded', t => {
  const property = fc.property(value, sent => {
    assert.deepStrictEqual(decodeMessage(encodeMessage(sent)), sent)
  })

  t.notThrows(() => {
    fc.assert(property, { numRuns: 300 })
  })
})

test('records with more names than there are numbers for keep them all', t => {
  const sent = Array.from({ length: 400 }, (_, n) => ({ [`name ${n}`]: n, shared: n }))

  t.deepEqual(decodeMessage(encodeMessage(sent)), sent)
})

test('a message has memory of its own, small or large', t => {
  for (const size of [0, 1, 4096, 100_000]) {
    const bytes = Buffer.alloc(size, 5)
    const message = encodeMessage([bytes])
    bytes.fill(0)

    t.deepEqual(decodeMessage(message), [Buffer.alloc(size, 5)])
  }
})

test('what is no plain value is a bug of the sender', t => {
  t.throws(() => encodeMessage({ n: null }), { name: 'AssertionError' })
  t.throws(() => encodeMessage(() => 1), { name: 'AssertionError' })
})
