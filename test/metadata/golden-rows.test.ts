// Row values, spelled out byte by byte; the object row's stand in records.test.ts.

import test from 'ava'
import { encodeBucketRecord } from '../../src/metadata/bucket-record.ts'
import { encodeCorsRecord } from '../../src/metadata/cors-record.ts'
import { encodeExtentRecord } from '../../src/metadata/extent-record.ts'
import { encodeLifecycleProgress } from '../../src/metadata/lifecycle-progress-record.ts'
import { encodeLifecycleRecord } from '../../src/metadata/lifecycle-record.ts'
import { timeIndexKey } from '../../src/metadata/keys.ts'
import { encodeTimeIndexRecord } from '../../src/metadata/time-index-record.ts'

test('an extent row has the bytes that docs/format.md gives', t => {
  const row = encodeExtentRecord({
    size: 300,
    references: 1,
    replicas: [
      { volume: 1, segment: 0x1234, offset: 80 },
      { volume: 3, segment: 5, offset: 128 }
    ]
  })

  t.is(
    row.toString('hex'),
    [
      '07', // Schema: extent.
      '01', // Format.
      'ac02', // Size.
      '01', // References.
      '02', // Replicas.
      '01b42450', // Volume 1, segment 0x1234, offset 80.
      '03058001' // Volume 3, segment 5, offset 128.
    ].join('')
  )
})

test('a bucket row has the bytes that docs/format.md gives', t => {
  const row = encodeBucketRecord({
    id: Buffer.alloc(12, 0x11),
    created: 300,
    location: 'weur',
    storageClass: 'STANDARD',
    wrappedKey: Buffer.alloc(48, 0x22),
    state: 'active',
    hasCors: true,
    timeIndex: 'ready'
  })

  t.is(
    row.toString('hex'),
    [
      '0501', // Schema: bucket; format.
      '11'.repeat(12), // Id.
      'ac02', // Created.
      '0477657572', // Location.
      '00', // Storage class: STANDARD.
      '22'.repeat(48), // Wrapped key.
      '00', // State: active.
      '01', // It has a CORS row.
      '02' // Time index: ready.
    ].join('')
  )
})

test('lifecycle rows have the bytes that docs/format.md gives', t => {
  const rules = encodeLifecycleRecord([
    {
      id: 'a',
      isEnabled: true,
      prefix: 'p/',
      expiration: { kind: 'age', seconds: 300 },
      transition: { kind: 'date', time: 5 },
      abortAge: 7
    }
  ])
  const progress = encodeLifecycleProgress({
    revision: Buffer.alloc(16, 0x33),
    bucket: 'b',
    built: Buffer.from('k'),
    cursors: [{ condition: { kind: 'date', time: 5 }, position: Buffer.from('0102', 'hex') }]
  })

  t.is(rules.toString('hex'), '0d01' + '01' + '0161' + '02702f' + '33' + 'ac02' + '05' + '07')
  t.is(
    progress.toString('hex'),
    '0e01' + '33'.repeat(16) + '0162' + '016b' + '01' + '01' + '05' + '020102'
  )
})

test('a CORS row has the bytes that docs/format.md gives', t => {
  const row = encodeCorsRecord([
    {
      id: 'a',
      allowedOrigins: ['*'],
      allowedMethods: ['GET', 'HEAD'],
      allowedHeaders: [],
      exposeHeaders: ['e'],
      maxAge: 299
    }
  ])

  t.is(row.toString('hex'), '0c01' + '01' + '0161' + '01012a' + '020004' + '00' + '010165' + 'ac02')
})

test('a time index row has the bytes that docs/format.md gives', t => {
  const key = timeIndexKey(Buffer.alloc(12, 0x11), 0x0102, Buffer.from('k'))

  t.is(key.toString('hex'), '74' + '11'.repeat(12) + '0000000000000102' + '6b')
  t.is(encodeTimeIndexRecord().toString('hex'), '0f01')
})
