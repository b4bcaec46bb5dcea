// Superblock, segment header and record header: golden bytes, round trip, and a fault for every damage.

import assert from 'node:assert/strict'
import test from 'ava'
import fc from 'fast-check'
import { sealedSize } from '../../src/crypto/frame-cipher.ts'
import { extentSizeMax } from '../../src/limits.ts'
import {
  decodeRecordHeader,
  decodeSegmentHeader,
  encodeRecordHeader,
  encodeSegmentHeader
} from '../../src/storage/segment-format.ts'
import { decodeSuperblock, encodeSuperblock } from '../../src/storage/superblock.ts'

const bytes = (size: number): fc.Arbitrary<Buffer> => {
  return fc.uint8Array({ minLength: size, maxLength: size }).map(value => Buffer.from(value))
}
const number = fc.integer({ min: 1, max: 0xffffffff })
const time = fc.integer({ min: 1, max: 2 ** 45 })
const plain = { noNullPrototype: true } as const

interface Format {
  name: string
  encodings: fc.Arbitrary<Buffer>
  fault: (bytes: Buffer) => string | undefined
}

const formats: Format[] = [
  {
    name: 'superblock',
    encodings: fc
      .record({ storeId: bytes(16), volumeId: bytes(16), number, created: time }, plain)
      .map(value => {
        const encoded = encodeSuperblock(value)
        assert.deepEqual(decodeSuperblock(encoded), { superblock: value })
        return encoded
      }),
    fault: damaged => decodeSuperblock(damaged).fault
  },
  {
    name: 'segment header',
    encodings: fc
      .record(
        {
          storeId: bytes(16),
          volumeId: bytes(16),
          volumeNumber: number,
          segmentNumber: time,
          created: time
        },
        plain
      )
      .map(value => {
        const encoded = encodeSegmentHeader(value)
        assert.deepEqual(decodeSegmentHeader(encoded), { header: value })
        return encoded
      }),
    fault: damaged => decodeSegmentHeader(damaged).fault
  },
  {
    name: 'record header',
    encodings: fc
      .record(
        {
          extentId: bytes(16),
          plainSize: fc.integer({ min: 1, max: extentSizeMax }),
          payloadCheck: fc.nat(0xffffffff)
        },
        plain
      )
      .map(({ plainSize, ...rest }) => {
        const value = { ...rest, plainSize, payloadSize: sealedSize(plainSize) }
        const encoded = encodeRecordHeader(value)
        assert.deepEqual(decodeRecordHeader(encoded), { header: value })
        return encoded
      }),
    fault: damaged => decodeRecordHeader(damaged).fault
  }
]

for (const { name, encodings, fault } of formats) {
  test(`a ${name} with any bit flipped is a fault`, t => {
    const property = fc.property(encodings, fc.nat(), (encoded, at) => {
      const bit = at % (encoded.length * 8)
      encoded.writeUInt8(encoded.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3)
      assert(fault(encoded))
    })

    t.notThrows(() => {
      fc.assert(property)
    })
  })

  test(`a ${name} that is cut short is torn`, t => {
    const property = fc.property(encodings, fc.nat(), (encoded, at) => {
      assert.equal(fault(encoded.subarray(0, at % encoded.length)), 'torn')
    })

    t.notThrows(() => {
      fc.assert(property)
    })
  })
}

test('a superblock has the bytes that docs/format.md gives', t => {
  const [storeId, volumeId] = [Buffer.alloc(16, 0x11), Buffer.alloc(16, 0x22)]
  const encoded = encodeSuperblock({ storeId, volumeId, number: 3, created: 0x1234 })

  t.is(
    encoded.toString('hex'),
    [
      Buffer.from('R2DVOLUM').toString('hex'),
      '01000000', // Version.
      '03000000', // Number.
      '11'.repeat(16),
      '22'.repeat(16),
      '3412000000000000', // Created.
      '00000000',
      '5b4174e4'
    ].join('')
  )
})

test('a segment header has the bytes that docs/format.md gives', t => {
  const encoded = encodeSegmentHeader({
    storeId: Buffer.alloc(16, 0x11),
    volumeId: Buffer.alloc(16, 0x22),
    volumeNumber: 3,
    segmentNumber: 0x0a0b0c,
    created: 0x1234
  })

  t.is(
    encoded.toString('hex'),
    [
      Buffer.from('R2DSEGMT').toString('hex'),
      '01000000', // Version.
      '03000000', // Volume number.
      '11'.repeat(16),
      '22'.repeat(16),
      '0c0b0a0000000000', // Segment number.
      '3412000000000000', // Created.
      '00'.repeat(12),
      '78b0a8ac'
    ].join('')
  )
})

test('a record header has the bytes that docs/format.md gives', t => {
  const encoded = encodeRecordHeader({
    extentId: Buffer.alloc(16, 0x33),
    plainSize: 65_537,
    payloadSize: 65_569,
    payloadCheck: 0xdeadbeef
  })

  t.is(
    encoded.toString('hex'),
    [
      Buffer.from('R2DX').toString('hex'),
      '01', // Version.
      '01', // Kind: extent.
      '0000', // Flags.
      '33'.repeat(16),
      '01000100', // Plain size.
      '21000100', // Payload size.
      'efbeadde', // Payload check.
      '00'.repeat(8),
      '1b1fa5de'
    ].join('')
  )
})
