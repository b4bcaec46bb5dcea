import assert from 'node:assert/strict'
import test from 'ava'
import fc from 'fast-check'
import { formatRemote, parseAddress, parseObject, parseRemote } from '../../src/cli/address.ts'
import { formatSeconds, formatSize } from '../../src/cli/quantity.ts'
import { R2dError } from '../../src/errors.ts'

test('an address is remote by its scheme, standard by its dash, and local otherwise', t => {
  t.deepEqual(parseAddress('r2://b/k/x'), { kind: 'remote', bucket: 'b', key: 'k/x' })
  t.deepEqual(parseAddress('s3://b'), { kind: 'remote', bucket: 'b', key: '' })
  t.deepEqual(parseAddress('-'), { kind: 'standard' })
  t.deepEqual(parseAddress('b/k'), { kind: 'local', path: 'b/k' })
  t.deepEqual(parseRemote('b/k'), { bucket: 'b', key: 'k' })
  for (const wrong of ['r2://', '', '/k']) {
    t.throws(() => parseObject(wrong), { instanceOf: R2dError })
  }
})

test('a remote address is read as it was written', t => {
  const property = fc.property(fc.string({ minLength: 1 }), key => {
    assert.deepEqual(parseRemote(formatRemote({ bucket: 'b', key })), { bucket: 'b', key })
  })

  t.notThrows(() => {
    fc.assert(property)
  })
})

test('sizes and times are short', t => {
  t.is(formatSize(0), '0 B')
  t.is(formatSize(1536), '1.5 KiB')
  t.is(formatSize(5 * 2 ** 30), '5.0 GiB')
  t.is(formatSeconds(90), '1m30s')
  t.is(formatSeconds(3700), '1h1m')
})
