// aws-chunked: decoded as it was encoded, however it is cut; any byte changed is refused.

import assert from 'node:assert/strict'
import { createHmac, hash } from 'node:crypto'
import test from 'ava'
import fc from 'fast-check'
import { ChunkedDecoder } from '../../src/gateway/body/aws-chunked.ts'
import { S3Error } from '../../src/gateway/s3/s3-error.ts'
import { SigningKey } from '../../src/gateway/auth/signing-key.ts'

const keyBytes = Buffer.alloc(32, 1)
const signing = {
  signingKey: new SigningKey(keyBytes),
  time: '20260101T000000Z',
  scope: '20260101/auto/s3/aws4_request',
  signature: 'ab'.repeat(32)
}

interface Body {
  chunks: Buffer[]
  isSigned: boolean
  hasTrailers: boolean
}

/** An encoder of its own, by the documentation. */
function encode({ chunks, isSigned, hasTrailers }: Body): Buffer {
  const sign = (kind: string, previous: string, rest: string[]): string => {
    const lines = [`AWS4-HMAC-SHA256-${kind}`, signing.time, signing.scope, previous, ...rest]
    return createHmac('sha256', keyBytes).update(lines.join('\n')).digest('hex')
  }
  let previous = signing.signature
  const parts: Buffer[] = []
  for (const chunk of [...chunks, Buffer.alloc(0)]) {
    let line = chunk.length.toString(16)
    if (isSigned) {
      previous = sign('PAYLOAD', previous, [hash('sha256', ''), hash('sha256', chunk)])
      line += `;chunk-signature=${previous}`
    }
    parts.push(Buffer.from(`${line}\r\n`), chunk)
    if (chunk.length > 0) parts.push(Buffer.from('\r\n'))
  }
  if (hasTrailers) {
    parts.push(Buffer.from('x-amz-checksum-crc32:AAAAAA==\r\n'))
    if (isSigned) {
      const text = hash('sha256', 'x-amz-checksum-crc32:AAAAAA==\n')
      parts.push(Buffer.from(`x-amz-trailer-signature:${sign('TRAILER', previous, [text])}\r\n`))
    }
  }
  parts.push(Buffer.from('\r\n'))
  return Buffer.concat(parts)
}

function decode(encoded: Buffer, cuts: number[], { isSigned, hasTrailers }: Body): Buffer {
  const decoder = new ChunkedDecoder({ signing: isSigned ? signing : undefined, hasTrailers })
  const found: Buffer[] = []
  const ends = [...cuts.map(cut => cut % (encoded.length + 1)), encoded.length].sort(
    (a, b) => a - b
  )
  let start = 0
  for (const end of ends) {
    for (const data of decoder.write(encoded.subarray(start, end))) found.push(Buffer.from(data))
    start = end
  }
  decoder.end()
  if (hasTrailers) assert.equal(decoder.trailers.get('x-amz-checksum-crc32'), 'AAAAAA==')
  return Buffer.concat(found)
}

const body: fc.Arbitrary<Body> = fc.record({
  chunks: fc.array(
    fc.uint8Array({ minLength: 1, maxLength: 40 }).map(bytes => Buffer.from(bytes)),
    { maxLength: 5 }
  ),
  isSigned: fc.boolean(),
  hasTrailers: fc.boolean()
})

test('a body is decoded to its content, wherever the network cuts it', t => {
  const property = fc.property(body, fc.array(fc.nat(), { maxLength: 8 }), (drawn, cuts) => {
    assert(decode(encode(drawn), cuts, drawn).equals(Buffer.concat(drawn.chunks)))
  })

  t.notThrows(() => {
    fc.assert(property)
  })
})

test('a signed body with any bit flipped is refused, or has the same content', t => {
  const property = fc.property(body, fc.nat(), (drawn, at) => {
    const signed = { ...drawn, isSigned: true }
    const encoded = encode(signed)
    const bit = at % (encoded.length * 8)
    encoded.writeUInt8(encoded.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3)
    try {
      // What may change without harm: the case of hex digits and of a trailer's name.
      assert(decode(encoded, [], signed).equals(Buffer.concat(drawn.chunks)))
    } catch (error) {
      assert(error instanceof S3Error || error instanceof assert.AssertionError, String(error))
      if (error instanceof assert.AssertionError) assert(drawn.hasTrailers, error)
    }
  })

  t.notThrows(() => {
    fc.assert(property)
  })
})

test('a body that ends early is incomplete', t => {
  const property = fc.property(body, fc.nat(), (drawn, at) => {
    const encoded = encode(drawn)
    // The last CRLF may be missing: some clients leave it out.
    const cut = at % (encoded.length - 2)
    assert.throws(() => decode(encoded.subarray(0, cut), [], drawn), S3Error)
  })

  t.notThrows(() => {
    fc.assert(property)
  })
})

test('bytes that are no such body are refused, with bounded memory', t => {
  const property = fc.property(fc.uint8Array({ minLength: 1, maxLength: 400 }), bytes => {
    const plain = { chunks: [], isSigned: false, hasTrailers: false }
    assert.throws(() => decode(Buffer.concat([Buffer.from('z'), bytes]), [], plain), S3Error)
  })

  t.notThrows(() => {
    fc.assert(property)
  })
  const endless = new ChunkedDecoder({ signing: undefined, hasTrailers: true })
  t.throws(() => [...endless.write(Buffer.alloc(10_000, '1'))], { instanceOf: S3Error })
  const trailers = new ChunkedDecoder({ signing: undefined, hasTrailers: true })
  t.throws(() => [...trailers.write(Buffer.from(`0\r\n${'a:b\r\n'.repeat(5000)}`))], {
    instanceOf: S3Error
  })
})

/** What may be done to a body on its way by who has no key. */
const tampering = fc.oneof(
  fc.record({
    kind: fc.constant('delete' as const),
    at: fc.nat(),
    count: fc.integer({ min: 1, max: 90 })
  }),
  fc.record({
    kind: fc.constant('insert' as const),
    at: fc.nat(),
    bytes: fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 40 }).map(bytes => Buffer.from(bytes)),
      fc
        .constantFrom(
          '0\r\n\r\n',
          '\r\n',
          '1\r\na\r\n',
          ';chunk-signature=',
          `0;chunk-signature=${'ab'.repeat(32)}\r\n\r\n`,
          `1;chunk-signature=${'ab'.repeat(32)}\r\na\r\n`,
          'x-amz-checksum-crc32:BBBBBB==\r\n'
        )
        .map(text => Buffer.from(text))
    )
  }),
  fc.record({ kind: fc.constant('swap' as const), at: fc.nat(), with: fc.nat() }),
  fc.record({ kind: fc.constant('repeat' as const), at: fc.nat() })
)

test('a signed body that was changed, cut up, put together again or mixed with noise is refused, or has the same content', t => {
  const property = fc.property(
    body,
    fc.array(tampering, { minLength: 1, maxLength: 4 }),
    fc.array(fc.nat(), { maxLength: 5 }),
    (drawn, changes, cuts) => {
      const signed = { ...drawn, isSigned: true }
      let encoded = encode(signed)
      for (const change of changes) {
        const at = change.at % (encoded.length + 1)
        if (change.kind === 'delete') {
          encoded = Buffer.concat([encoded.subarray(0, at), encoded.subarray(at + change.count)])
        } else if (change.kind === 'insert') {
          encoded = Buffer.concat([encoded.subarray(0, at), change.bytes, encoded.subarray(at)])
        } else {
          // Lines, so that whole chunks and trailers change places or come twice.
          const lines = encoded.toString('latin1').split('\r\n')
          const first = change.at % lines.length
          const second = change.kind === 'swap' ? change.with % lines.length : first
          const [a = '', b = ''] = [lines[first], lines[second]]
          lines.splice(first, 1, ...(change.kind === 'swap' ? [b] : [a, a]))
          if (change.kind === 'swap') lines.splice(second, 1, a)
          encoded = Buffer.from(lines.join('\r\n'), 'latin1')
        }
      }

      let found: Buffer
      try {
        // The trailer's value is compared by `decode`, too.
        found = decode(encoded, cuts, signed)
      } catch (error) {
        assert(error instanceof S3Error || error instanceof assert.AssertionError, String(error))
        // A trailer under another name is one that nobody asks for.
        if (error instanceof assert.AssertionError) assert(drawn.hasTrailers, error)
        return
      }
      assert(found.equals(Buffer.concat(drawn.chunks)))
    }
  )

  t.notThrows(() => {
    fc.assert(property, { numRuns: 3000 })
  })
})
