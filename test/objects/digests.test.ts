// Known answers: the check values of the CRC catalogue for "123456789", and pieces against wholes.

import assert from 'node:assert/strict'
import test from 'ava'
import fc from 'fast-check'
import { Digests, digestsOf } from '../../src/objects/digests.ts'
import type { DigestName } from '../../src/objects/store.ts'

const names: DigestName[] = ['md5', 'sha1', 'sha256', 'crc32', 'crc32c', 'crc64nvme']

function digest(name: DigestName, ...pieces: Uint8Array[]): string | undefined {
  const digests = new Digests([name])
  for (const piece of pieces) digests.update(piece)
  return digests.finish()[name]?.toString('hex')
}

test('the digests of "123456789" are those that their specifications give', t => {
  const input = Buffer.from('123456789')

  t.is(digest('crc32', input), 'cbf43926')
  t.is(digest('crc32c', input), 'e3069283')
  t.is(digest('crc64nvme', input), 'ae8b14860a799888')
  t.is(digest('md5', input), '25f9e794323b453885f5181f1b624d0b')
})

test('32 bytes of zeros have the CRC-32C of RFC 3720', t => {
  t.is(digest('crc32c', Buffer.alloc(32)), '8a9136aa')
})

test('content in pieces has the digests of the whole', t => {
  const property = fc.property(fc.array(fc.uint8Array({ maxLength: 40 })), pieces => {
    for (const name of names) {
      const whole = Buffer.concat(pieces)
      assert.equal(digest(name, ...pieces), digest(name, whole))
      assert.equal(digest(name, whole), digestsOf([name], whole)[name]?.toString('hex'))
    }
  })

  t.notThrows(() => {
    fc.assert(property)
  })
})
