// Wrapped keys and sealed secrets: they open for what they were made for, and for nothing else.

import assert from 'node:assert/strict'
import test from 'ava'
import fc from 'fast-check'
import {
  customerWrappingKey,
  newId,
  newKey,
  openSecret,
  sealSecret,
  unwrapKey,
  wrapKey
} from '../../src/crypto/key-wrap.ts'

test('a wrapped key has the bytes that docs/format.md gives', t => {
  const wrapped = wrapKey(Buffer.alloc(32, 1), 'extent', Buffer.alloc(16, 2), Buffer.alloc(32, 3))

  t.is(
    wrapped.toString('hex'),
    'c250d9deacdd09da2aa25a17af110483fafd011a8f4387080a639f5b0f6304037640f02d1317524846b20aeca3591715'
  )
})

test('a wrapped key opens under its key, purpose and id, and no other', t => {
  const [wrapping, id, key] = [newKey(), newId(), newKey()]

  const wrapped = wrapKey(wrapping, 'bucket', id, key)

  t.is(wrapped.length, 48)
  t.true(unwrapKey(wrapping, 'bucket', id, wrapped)?.equals(key))
  t.is(unwrapKey(newKey(), 'bucket', id, wrapped), undefined)
  t.is(unwrapKey(wrapping, 'extent', id, wrapped), undefined)
  t.is(unwrapKey(wrapping, 'bucket', newId(), wrapped), undefined)
  t.is(unwrapKey(wrapping, 'bucket', id, wrapped.subarray(1)), undefined)
})

test("a customer's key wraps with the bucket's: either one alone, or another, opens nothing", t => {
  const [bucketKey, customerKey, id, key] = [newKey(), newKey(), newId(), newKey()]
  const wrapping = customerWrappingKey(bucketKey, customerKey)

  const wrapped = wrapKey(wrapping, 'content', id, key)

  t.true(
    unwrapKey(customerWrappingKey(bucketKey, customerKey), 'content', id, wrapped)?.equals(key)
  )
  for (const other of [
    bucketKey,
    customerKey,
    customerWrappingKey(bucketKey, newKey()),
    customerWrappingKey(newKey(), customerKey),
    customerWrappingKey(customerKey, bucketKey)
  ]) {
    t.is(unwrapKey(other, 'content', id, wrapped), undefined)
  }
  t.is(
    customerWrappingKey(Buffer.alloc(32, 1), Buffer.alloc(32, 2)).toString('hex'),
    'd7045497a79078e5d03195bba08f77aeb50f6b3739a6f4245f404ba4e02b4ceb'
  )
})

test('a secret opens under its key, purpose and id, and not with any bit flipped', t => {
  const [key, id] = [newKey(), newId()]
  const property = fc.property(fc.uint8Array({ maxLength: 80 }), fc.nat(), (secret, at) => {
    const sealed = sealSecret(key, 'credential', id, secret)
    assert(openSecret(key, 'credential', id, sealed)?.equals(secret))
    assert.equal(openSecret(key, 'store', id, sealed), undefined)
    assert.equal(openSecret(key, 'credential', newId(), sealed), undefined)
    assert.equal(openSecret(newKey(), 'credential', id, sealed), undefined)
    const bit = at % (sealed.length * 8)
    sealed.writeUInt8(sealed.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3)
    assert.equal(openSecret(key, 'credential', id, sealed), undefined)
  })

  t.notThrows(() => {
    fc.assert(property)
  })
})

test('the same secret sealed twice is not the same bytes', t => {
  const [key, id] = [newKey(), newId()]

  t.notDeepEqual(
    sealSecret(key, 'store', id, Buffer.from('x')),
    sealSecret(key, 'store', id, Buffer.from('x'))
  )
})
