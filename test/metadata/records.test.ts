// Row values: round trip, and refusal of what is not a row.
//
// Method: one table of records with their arbitraries. Each negative property damages an encoding in one way and
// requires one of the two codes that a damaged or a newer row has; nothing else may be thrown.

import assert from 'node:assert/strict'
import test from 'ava'
import fc from 'fast-check'
import { R2dError } from '../../src/errors.ts'
import { extentSizeMax } from '../../src/limits.ts'
import {
  decodeBucketRecord,
  encodeBucketRecord,
  type BucketRecord
} from '../../src/metadata/bucket-record.ts'
import {
  corsMethods,
  decodeCorsRecord,
  encodeCorsRecord,
  type CorsRule
} from '../../src/metadata/cors-record.ts'
import {
  decodeCredentialRecord,
  encodeCredentialRecord
} from '../../src/metadata/credential-record.ts'
import { decodeDiscardRecord, encodeDiscardRecord } from '../../src/metadata/discard-record.ts'
import { decodeExtentRecord, encodeExtentRecord } from '../../src/metadata/extent-record.ts'
import {
  decodeLifecycleProgress,
  encodeLifecycleProgress
} from '../../src/metadata/lifecycle-progress-record.ts'
import {
  decodeLifecycleRecord,
  encodeLifecycleRecord,
  type LifecycleCondition,
  type LifecycleRule
} from '../../src/metadata/lifecycle-record.ts'
import { decodeLocationRecord, encodeLocationRecord } from '../../src/metadata/location-record.ts'
import type { Manifest } from '../../src/metadata/manifest.ts'
import {
  decodeManifestPageRecord,
  encodeManifestPageRecord
} from '../../src/metadata/manifest-page-record.ts'
import {
  decodeObjectRecord,
  encodeObjectRecord,
  type Checksums,
  type HttpMetadata,
  type ObjectRecord
} from '../../src/metadata/object-record.ts'
import { decodePartRecord, encodePartRecord } from '../../src/metadata/part-record.ts'
import { decodeRepairRecord, encodeRepairRecord } from '../../src/metadata/repair-record.ts'
import {
  decodeTrashRecord,
  decodeTrashUsageRecord,
  encodeTrashRecord,
  encodeTrashUsageRecord
} from '../../src/metadata/trash-record.ts'
import { decodeStoreRecord, encodeStoreRecord } from '../../src/metadata/store-record.ts'
import { decodeUploadRecord, encodeUploadRecord } from '../../src/metadata/upload-record.ts'
import { decodeVolumeRecord, encodeVolumeRecord } from '../../src/metadata/volume-record.ts'

const bytes = (size: number): fc.Arbitrary<Buffer> => {
  return fc.uint8Array({ minLength: size, maxLength: size }).map(value => Buffer.from(value))
}
const someBytes = fc.uint8Array({ maxLength: 80 }).map(value => Buffer.from(value))
const text = fc.string({ unit: 'grapheme', maxLength: 30 }).filter(value => value.isWellFormed())
const time = fc.nat(2 ** 45)
const plain = { noNullPrototype: true } as const
const storageClass = fc.constantFrom('STANDARD' as const, 'STANDARD_IA' as const)

const slice = fc.record(
  {
    extentId: bytes(16),
    offset: fc.nat(extentSizeMax),
    length: fc.integer({ min: 1, max: extentSizeMax }),
    wrappedKey: bytes(48)
  },
  plain
)
const page = fc.record({ pageId: bytes(16), length: fc.integer({ min: 1, max: 2 ** 40 }) }, plain)
const manifest: fc.Arbitrary<Manifest> = fc.oneof(
  fc.record(
    { kind: fc.constant('inline' as const), slices: fc.array(slice, { maxLength: 5 }) },
    plain
  ),
  fc.record(
    { kind: fc.constant('paged' as const), pages: fc.array(page, { minLength: 1, maxLength: 5 }) },
    plain
  )
)
const sizeOf = (value: Manifest): number => {
  const runs: readonly { length: number }[] = value.kind === 'inline' ? value.slices : value.pages
  return runs.reduce((sum, { length }) => sum + length, 0)
}
const httpMetadata: fc.Arbitrary<HttpMetadata> = fc.record(
  {
    contentType: text,
    contentLanguage: text,
    contentDisposition: text,
    contentEncoding: text,
    cacheControl: text,
    expires: text
  },
  { ...plain, requiredKeys: [] }
)
const checksums: fc.Arbitrary<Checksums> = fc.record(
  {
    md5: bytes(16),
    sha1: bytes(20),
    sha256: bytes(32),
    crc32: bytes(4),
    crc32c: bytes(4),
    crc64nvme: bytes(8)
  },
  { ...plain, requiredKeys: [] }
)
const partRun = fc.record({ count: fc.nat(10_000), size: fc.nat(2 ** 40) }, plain)
const tags = fc.array(fc.tuple(text, text), { maxLength: 3 })
const rarely = {
  customerKeyMd5: bytes(16),
  parts: fc.array(partRun, { maxLength: 3 }),
  isComposite: fc.constant(true as const),
  tags,
  restored: fc.record({ at: fc.nat(), asOf: fc.nat() }, plain)
}
const object: fc.Arbitrary<ObjectRecord> = manifest.chain(value =>
  fc.record(
    {
      versionId: bytes(16),
      key: text,
      size: fc.constant(sizeOf(value)),
      etag: text,
      uploaded: time,
      storageClass,
      httpMetadata,
      customMetadata: fc.array(fc.tuple(text, text), { maxLength: 4 }),
      checksums,
      wrappedKey: bytes(48),
      manifest: fc.constant(value),
      ...rarely
    },
    {
      ...plain,
      requiredKeys: [
        'versionId',
        'key',
        'size',
        'etag',
        'uploaded',
        'storageClass',
        'httpMetadata',
        'customMetadata',
        'checksums',
        'wrappedKey',
        'manifest'
      ]
    }
  )
)
const replicaPolicy = fc
  .constantFrom<[number, number][]>([0, 0], [1, 1], [3, 2], [300, 1])
  .map(([replicaCount, replicaCountMin]) => ({ replicaCount, replicaCountMin }))
const bucket: fc.Arbitrary<BucketRecord> = fc
  .tuple(
    fc.record(
      {
        id: bytes(12),
        created: time,
        location: text,
        storageClass,
        wrappedKey: bytes(48),
        state: fc.constantFrom('active' as const, 'deleting' as const),
        hasCors: fc.boolean(),
        timeIndex: fc.constantFrom('none', 'building', 'ready', 'clearing'),
        trashMode: fc.constantFrom('off', 'keep', 'shred'),
        trashSeconds: fc.nat(),
        trashSince: time
      },
      plain
    ),
    replicaPolicy
  )
  .map(([fields, policy]) => ({ ...fields, ...policy }))
const corsRules: fc.Arbitrary<CorsRule[]> = fc.array(
  fc.record(
    {
      id: text,
      allowedOrigins: fc.array(text, { maxLength: 3 }),
      allowedMethods: fc.array(fc.constantFrom(...corsMethods), { maxLength: 3 }),
      allowedHeaders: fc.array(text, { maxLength: 3 }),
      exposeHeaders: fc.array(text, { maxLength: 3 }),
      maxAge: fc.option(fc.nat(86_400), { nil: undefined })
    },
    plain
  ),
  { maxLength: 4 }
)
const condition: fc.Arbitrary<LifecycleCondition> = fc.oneof(
  fc.record({ kind: fc.constant('age' as const), seconds: fc.nat(2 ** 40) }, plain),
  fc.record({ kind: fc.constant('date' as const), time }, plain)
)
const lifecycleRules: fc.Arbitrary<LifecycleRule[]> = fc.array(
  fc.record(
    {
      id: text,
      isEnabled: fc.boolean(),
      prefix: text,
      expiration: fc.option(condition, { nil: undefined }),
      transition: fc.option(condition, { nil: undefined }),
      abortAge: fc.option(fc.nat(2 ** 40), { nil: undefined })
    },
    plain
  ),
  { maxLength: 4 }
)
const replica = fc.record(
  { volume: fc.integer({ min: 1, max: 0xffff }), segment: time, offset: fc.nat(2 ** 31 - 1) },
  plain
)

interface Codec<T> {
  name: string
  records: fc.Arbitrary<T>
  encode: (record: T) => Buffer
  decode: (bytes: Buffer) => T
}

/** The record's type is used inside only, so that codecs of all types fit into one list. */
type AnyCodec = <Result>(use: <T>(codec: Codec<T>) => Result) => Result
const codec =
  <T>(value: Codec<T>): AnyCodec =>
  use =>
    use(value)

const storeKey = fc.record({ id: bytes(8), check: someBytes, since: time }, plain)

const codecs: AnyCodec[] = [
  codec({
    name: 'trash',
    records: fc.record(
      { cause: fc.constantFrom('deleted', 'replaced', 'expired', 'undone'), object: someBytes },
      plain
    ),
    encode: encodeTrashRecord,
    decode: decodeTrashRecord
  }),
  codec({
    name: 'trashUsage',
    records: fc.record({ bucket: text, objects: fc.nat(), bytes: fc.nat() }, plain),
    encode: encodeTrashUsageRecord,
    decode: decodeTrashUsageRecord
  }),
  codec({
    name: 'object',
    records: object,
    encode: encodeObjectRecord,
    decode: decodeObjectRecord
  }),
  codec({
    name: 'bucket',
    records: bucket,
    encode: encodeBucketRecord,
    decode: decodeBucketRecord
  }),
  codec({
    name: 'CORS',
    records: corsRules,
    encode: encodeCorsRecord,
    decode: decodeCorsRecord
  }),
  codec({
    name: 'lifecycle',
    records: lifecycleRules,
    encode: encodeLifecycleRecord,
    decode: decodeLifecycleRecord
  }),
  codec({
    name: 'lifecycle progress',
    records: fc.record(
      {
        revision: bytes(16),
        bucket: text,
        built: someBytes,
        cursors: fc.array(fc.record({ condition, position: someBytes }, plain), { maxLength: 3 })
      },
      plain
    ),
    encode: encodeLifecycleProgress,
    decode: decodeLifecycleProgress
  }),
  codec({
    name: 'extent',
    records: fc.record(
      {
        size: fc.integer({ min: 1, max: extentSizeMax }),
        references: fc.integer({ min: 1, max: 2 ** 40 }),
        replicaTarget: fc.nat(300),
        replicas: fc.array(replica, { minLength: 1, maxLength: 5 })
      },
      plain
    ),
    encode: encodeExtentRecord,
    decode: decodeExtentRecord
  }),
  codec({
    name: 'manifest page',
    records: fc.record(
      {
        references: fc.integer({ min: 1, max: 99 }),
        manifest: manifest.filter(value => sizeOf(value) > 0)
      },
      plain
    ),
    encode: encodeManifestPageRecord,
    decode: decodeManifestPageRecord
  }),
  codec({
    name: 'discard',
    records: fc.record(
      {
        extentIds: fc.array(bytes(16), { maxLength: 3 }),
        pageIds: fc.array(bytes(16), { maxLength: 3 })
      },
      plain
    ),
    encode: encodeDiscardRecord,
    decode: decodeDiscardRecord
  }),
  codec({
    name: 'upload',
    records: fc.record(
      {
        versionId: bytes(16),
        key: text,
        revision: fc.nat(1_000_000),
        storageClass,
        httpMetadata,
        customMetadata: fc.array(fc.tuple(text, text), { maxLength: 3 }),
        tags,
        checksum: fc.option(
          fc.record(
            {
              name: fc.constantFrom('sha1', 'sha256', 'crc32', 'crc32c', 'crc64nvme'),
              isComposite: fc.boolean()
            },
            plain
          ),
          { nil: undefined }
        ),
        wrappedKey: bytes(48),
        customerKeyMd5: bytes(16)
      },
      {
        ...plain,
        requiredKeys: [
          'versionId',
          'key',
          'revision',
          'storageClass',
          'httpMetadata',
          'customMetadata',
          'tags',
          'checksum',
          'wrappedKey'
        ]
      }
    ),
    encode: encodeUploadRecord,
    decode: decodeUploadRecord
  }),
  codec({
    name: 'part',
    records: fc.record(
      { id: bytes(16), md5: bytes(16), checksums, uploaded: time, manifest },
      plain
    ),
    encode: encodePartRecord,
    decode: decodePartRecord
  }),
  codec({
    name: 'credential',
    records: fc.record({ created: time, description: text, sealedSecret: someBytes }, plain),
    encode: encodeCredentialRecord,
    decode: decodeCredentialRecord
  }),
  codec({
    name: 'volume',
    records: fc.record(
      {
        id: bytes(16),
        path: text,
        location: text,
        failureDomain: text,
        state: fc.constantFrom('active', 'draining', 'leaving', 'lost', 'removed')
      },
      plain
    ),
    encode: encodeVolumeRecord,
    decode: decodeVolumeRecord
  }),
  codec({
    name: 'location',
    records: replicaPolicy.filter(({ replicaCount }) => replicaCount > 0),
    encode: encodeLocationRecord,
    decode: decodeLocationRecord
  }),
  codec({
    name: 'repair',
    records: fc.record({ queued: time, replicaCount: fc.integer({ min: 1, max: 9 }) }, plain),
    encode: encodeRepairRecord,
    decode: decodeRepairRecord
  }),
  codec({
    name: 'store',
    records: fc.record(
      {
        id: bytes(16),
        created: time,
        key: storeKey,
        next: fc.option(storeKey, { nil: undefined }),
        defaultLocation: text
      },
      plain
    ),
    encode: encodeStoreRecord,
    decode: decodeStoreRecord
  })
]

/** Decodes, or throws one of the two codes that damage may have; anything else fails the property. */
function decodeOrRefuse<T>(decode: (bytes: Buffer) => T, damaged: Buffer): T | undefined {
  try {
    return decode(damaged)
  } catch (error) {
    assert(error instanceof R2dError, String(error))
    assert(error.code === 'R2D_CORRUPT_RECORD' || error.code === 'R2D_UNSUPPORTED_FORMAT')
    return undefined
  }
}

for (const each of codecs) {
  each(({ name, records, encode, decode }) => {
    test(`a ${name} row decodes to what was encoded`, t => {
      t.notThrows(() => {
        fc.assert(
          fc.property(records, record => {
            assert.deepEqual(decode(encode(record)), record)
          })
        )
      })
    })

    test(`a ${name} row that is cut short or followed by a byte is refused`, t => {
      t.notThrows(() => {
        fc.assert(
          fc.property(
            records,
            fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
            (record, share) => {
              const row = encode(record)
              const cut = row.subarray(0, Math.floor(row.length * share))
              assert.equal(decodeOrRefuse(decode, cut), undefined)
              assert.equal(decodeOrRefuse(decode, Buffer.concat([row, Buffer.alloc(1)])), undefined)
            }
          )
        )
      })
    })

    test(`a ${name} row with a flipped bit is refused, or is the exact encoding of what it decodes to`, t => {
      t.notThrows(() => {
        fc.assert(
          fc.property(records, fc.nat(), (record, at) => {
            const row = encode(record)
            const bit = at % (row.length * 8)
            row.writeUInt8(row.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3)
            const decoded = decodeOrRefuse(decode, row)
            if (decoded !== undefined) assert(encode(decoded).equals(row))
          })
        )
      })
    })
  })
}

test('a row of a later format is told apart from a corrupt one', t => {
  const row = encodeLocationRecord({ replicaCount: 2, replicaCountMin: 1 })
  row.writeUInt8(2, 1)

  const error = t.throws(() => decodeLocationRecord(row), { instanceOf: R2dError })

  t.is(error.code, 'R2D_UNSUPPORTED_FORMAT')
})
