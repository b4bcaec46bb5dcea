// Frames: what was sealed opens, in its place and nowhere else.

import assert from 'node:assert/strict'
import test from 'ava'
import fc from 'fast-check'
import { frameOverhead, openFrame, sealedSize, sealFrame } from '../../src/crypto/frame-cipher.ts'
import { newId, newKey } from '../../src/crypto/key-wrap.ts'
import { frameSize } from '../../src/limits.ts'

const context = { key: newKey(), extentId: newId(), index: 3, isLast: true }
const content = fc.uint8Array({ minLength: 1, maxLength: 300 })

function opens(sealed: Uint8Array, other: Partial<typeof context> = {}): Buffer | undefined {
  const plaintext = Buffer.alloc(sealed.length - frameOverhead)
  return openFrame(plaintext, sealed, { ...context, ...other }) ? plaintext : undefined
}

test('a frame has the bytes that docs/format.md gives', t => {
  const golden = { key: Buffer.alloc(32, 1), extentId: Buffer.alloc(16, 2), index: 1, isLast: true }

  const sealed = sealFrame(Buffer.from('r2d'), golden)

  t.is(sealed.toString('hex'), '3da722f5814138360f61160642c098b17d23ff')
})

test('a sealed frame opens to what it was made of', t => {
  const property = fc.property(content, plaintext => {
    const sealed = sealFrame(plaintext, context)
    assert.equal(sealed.length, plaintext.length + frameOverhead)
    assert(opens(sealed)?.equals(plaintext))
  })

  t.notThrows(() => {
    fc.assert(property)
  })
})

test('a frame with any bit flipped does not open', t => {
  const property = fc.property(content, fc.nat(), (plaintext, at) => {
    const sealed = sealFrame(plaintext, context)
    const bit = at % (sealed.length * 8)
    sealed.writeUInt8(sealed.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3)
    assert.equal(opens(sealed), undefined)
  })

  t.notThrows(() => {
    fc.assert(property)
  })
})

test('a frame does not open in another place, extent or role, or under another key', t => {
  const sealed = sealFrame(Buffer.alloc(frameSize, 1), context)

  t.truthy(opens(sealed))
  t.is(opens(sealed, { index: 2 }), undefined)
  t.is(opens(sealed, { isLast: false }), undefined)
  t.is(opens(sealed, { extentId: newId() }), undefined)
  t.is(opens(sealed, { key: newKey() }), undefined)
  t.is(opens(sealed.subarray(0, -1)), undefined)
})

test('only the last frame may be short', t => {
  t.throws(() => sealFrame(Buffer.alloc(10), { ...context, isLast: false }))
  t.is(sealedSize(1), 17)
  t.is(sealedSize(frameSize), frameSize + 16)
  t.is(sealedSize(frameSize + 1), frameSize + 1 + 32)
})
