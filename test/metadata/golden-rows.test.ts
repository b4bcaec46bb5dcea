// Row values, spelled out byte by byte.

import test from 'ava'
import { encodeBucketRecord } from '../../src/metadata/bucket-record.ts'
import { encodeCorsRecord } from '../../src/metadata/cors-record.ts'
import { encodeExtentRecord } from '../../src/metadata/extent-record.ts'
import { encodeLifecycleProgress } from '../../src/metadata/lifecycle-progress-record.ts'
import { encodeLifecycleRecord } from '../../src/metadata/lifecycle-record.ts'
import { repairKey, timeIndexKey, trashKey, trashUsageKey } from '../../src/metadata/keys.ts'
import { encodeLocationRecord } from '../../src/metadata/location-record.ts'
import { encodeObjectRecord } from '../../src/metadata/object-record.ts'
import { encodeRepairRecord } from '../../src/metadata/repair-record.ts'
import { encodeStoreRecord } from '../../src/metadata/store-record.ts'
import { encodeTrashRecord, encodeTrashUsageRecord } from '../../src/metadata/trash-record.ts'
import { encodeTimeIndexRecord } from '../../src/metadata/time-index-record.ts'
import { encodeVolumeRecord } from '../../src/metadata/volume-record.ts'

test('an object row has the bytes that docs/format.md gives', t => {
  const row = encodeObjectRecord({
    versionId: Buffer.alloc(16, 0x11),
    key: 'a',
    size: 5,
    etag: 'ee',
    uploaded: 1,
    storageClass: 'STANDARD_IA',
    httpMetadata: { contentType: 't', expires: 'x' },
    customMetadata: [['n', 'v']],
    checksums: { crc32: Buffer.alloc(4, 0x22) },
    wrappedKey: Buffer.alloc(48, 0x55),
    parts: [{ count: 1, size: 5 }],
    isComposite: true,
    manifest: {
      kind: 'inline',
      slices: [
        {
          extentId: Buffer.alloc(16, 0x33),
          offset: 0,
          length: 5,
          wrappedKey: Buffer.alloc(48, 0x44)
        }
      ]
    }
  })

  t.is(
    row.toString('hex'),
    [
      '0601', // Schema: object; format.
      '11'.repeat(16), // Version id.
      '0161', // Key.
      '05', // Size.
      '026565', // ETag.
      '01', // Uploaded.
      '01', // Storage class: STANDARD_IA.
      '21', // Content headers: type and expires.
      '0174',
      '0178',
      '01', // Custom metadata: one pair.
      '016e0176',
      '08', // Checksums: CRC-32.
      '22'.repeat(4),
      '55'.repeat(48), // Content key.
      '00', // Manifest: inline.
      '01', // One slice.
      '33'.repeat(16),
      '0005', // Offset, length.
      '44'.repeat(48),
      '02', // Extensions: two.
      '02', // Parts: one run, of one part of 5 bytes.
      '010105',
      '03' // Composite.
    ].join('')
  )
})

test('an extent row has the bytes that docs/format.md gives', t => {
  const row = encodeExtentRecord({
    size: 300,
    references: 1,
    replicaTarget: 3,
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
      '03', // Replica target.
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
    timeIndex: 'ready',
    replicaCount: 3,
    replicaCountMin: 2,
    trashMode: 'keep',
    trashSeconds: 300,
    trashSince: 5
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
      '02', // Time index: ready.
      '0302', // Three replicas, two at least.
      '01ac0205' // Kept for 300 seconds, since 5.
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

test('a store row has the bytes that docs/format.md gives', t => {
  const key = { id: Buffer.alloc(8, 0x22), check: Buffer.from('c'), since: 300 }
  const next = { id: Buffer.alloc(8, 0x33), check: Buffer.from('n'), since: 5 }
  const record = { id: Buffer.alloc(16, 0x11), created: 1, defaultLocation: 'l', key }

  const head = '0101' + '11'.repeat(16) + '01' + '016c'
  const keyBytes = '22'.repeat(8) + '0163' + 'ac02'
  t.is(encodeStoreRecord({ ...record, next: undefined }).toString('hex'), head + '01' + keyBytes)
  t.is(
    encodeStoreRecord({ ...record, next }).toString('hex'),
    head + '02' + keyBytes + '33'.repeat(8) + '016e' + '05'
  )
})

test('trash rows have the bytes that docs/format.md gives', t => {
  const key = trashKey(Buffer.alloc(12, 0x11), 0x0102, Buffer.alloc(16, 0x22))

  t.is(key.toString('hex'), '7a' + '11'.repeat(12) + '0000000000000102' + '22'.repeat(16))
  t.is(
    encodeTrashRecord({ cause: 'replaced', object: Buffer.from('o') }).toString('hex'),
    '1501' + '01' + '016f'
  )
  t.is(trashUsageKey(Buffer.alloc(12, 0x11)).toString('hex'), '79' + '11'.repeat(12))
  t.is(
    encodeTrashUsageRecord({ bucket: 'b', objects: 300, bytes: 5 }).toString('hex'),
    '1601' + '0162' + 'ac02' + '05'
  )
})

test('a time index row has the bytes that docs/format.md gives', t => {
  const key = timeIndexKey(Buffer.alloc(12, 0x11), 0x0102, Buffer.from('k'))

  t.is(key.toString('hex'), '74' + '11'.repeat(12) + '0000000000000102' + '6b')
  t.is(encodeTimeIndexRecord().toString('hex'), '0f01')
})

test('location, volume and repair rows have the bytes that docs/format.md gives', t => {
  const location = encodeLocationRecord({ replicaCount: 3, replicaCountMin: 2 })
  const volume = encodeVolumeRecord({
    id: Buffer.alloc(16, 0x11),
    path: 'v',
    location: 'l',
    failureDomain: '',
    state: 'draining'
  })
  const repair = encodeRepairRecord({ queued: 300, replicaCount: 1 })

  t.is(location.toString('hex'), '0201' + '03' + '02')
  t.is(volume.toString('hex'), '0301' + '11'.repeat(16) + '0176' + '016c' + '00' + '01')
  t.is(repairKey(Buffer.alloc(16, 0x22)).toString('hex'), '71' + '22'.repeat(16))
  t.is(repair.toString('hex'), '1001' + 'ac02' + '01')
})
