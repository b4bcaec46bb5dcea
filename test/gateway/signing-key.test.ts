// HMAC-SHA256 over the one-shot hash is node:crypto's, for every key and text.

import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import test from 'ava'
import fc from 'fast-check'
import { SigningKey } from '../../src/gateway/auth/signing-key.ts'

const keys = fc.uint8Array({ maxLength: 64 })
const texts = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 300 }),
  fc.string({ minLength: 900, maxLength: 4000, size: 'max' })
)

test('a signature is the HMAC-SHA256 of the text in UTF-8', t => {
  const property = fc.property(keys, texts, (key, text) => {
    const wanted = createHmac('sha256', key).update(text).digest('hex')

    assert.equal(new SigningKey(key).sign(text), wanted)
    assert(new SigningKey(key).isSignature(text, wanted))
  })

  t.notThrows(() => {
    fc.assert(property)
  })
})

test('any digit changed, any left out, and any behind them is no signature', t => {
  const key = new SigningKey(Buffer.alloc(32, 7))
  const signature = key.sign('text')

  for (let index = 0; index < signature.length; index++) {
    const digit = signature[index] === '0' ? '1' : '0'
    t.false(key.isSignature('text', signature.slice(0, index) + digit + signature.slice(index + 1)))
  }
  t.false(key.isSignature('text', signature.slice(1)))
  t.false(key.isSignature('text', `${signature}0`))
  t.false(key.isSignature('text', signature.toUpperCase()))
  t.false(key.isSignature('other', signature))
})

test('a key longer than a block is refused', t => {
  t.throws(() => new SigningKey(Buffer.alloc(65)), { instanceOf: RangeError })
})

test('the key of a day, region and service is derived as AWS documents it', t => {
  // https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html, GET object.
  const key = SigningKey.derive(
    'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
    '20130524',
    'us-east-1',
    's3'
  )
  const text = [
    'AWS4-HMAC-SHA256',
    '20130524T000000Z',
    '20130524/us-east-1/s3/aws4_request',
    '7344ae5b7ee6c3e7e6b0fe0640412a37625d1fbfff95c48bbb2dc43964946972'
  ].join('\n')

  t.is(key.sign(text), 'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41')
})
