// What the journal and snapshots are made of: golden bytes, round trips, and refusal of what was changed.

import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import test from 'ava'
import fc from 'fast-check'
import { nodeFiles } from '../../../src/file.ts'
import {
  decodeRows,
  encodeBatch,
  rowSize,
  type Row
} from '../../../src/metadata/journal/batch-codec.ts'
import {
  decodeJournalHeader,
  decodeSnapshotHeader,
  encodeJournalHeader,
  encodeSnapshotHeader,
  fileHeaderSize
} from '../../../src/metadata/journal/file-header.ts'
import {
  decodeJournalKey,
  dropJournalKeyWrappings,
  encodeJournalKey,
  newJournalKey,
  placeJournalKey,
  readJournalKeys,
  wrapJournalKeys
} from '../../../src/metadata/journal/journal-key.ts'
import { RecordScan } from '../../../src/metadata/journal/record-scan.ts'
import {
  decodeRecordHeader,
  encodeSealedRecord,
  isWhole,
  openSealedRecord,
  recordHeaderSize,
  type RecordPlace
} from '../../../src/metadata/journal/sealed-record.ts'
import {
  decodeSnapshotEnd,
  encodeSnapshotEnd
} from '../../../src/metadata/journal/snapshot-format.ts'
import {
  decodeJournalPosition,
  encodeJournalPosition
} from '../../../src/metadata/journal-position-record.ts'

const bytes = (size: number): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ minLength: size, maxLength: size }).map(value => Buffer.from(value))
const someBytes = (min: number, max: number): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ minLength: min, maxLength: max }).map(value => Buffer.from(value))
const number = fc.maxSafeNat()
const plain = { noNullPrototype: true }
const places: fc.Arbitrary<RecordPlace> = fc.record(
  {
    kind: fc.constantFrom('commit', 'begin', 'rows', 'end'),
    term: number,
    sequence: number
  },
  plain
)
const rows: fc.Arbitrary<Row[]> = fc.array(
  fc.record(
    {
      key: someBytes(1, 40),
      value: fc.option(someBytes(0, 300), { nil: undefined })
    },
    plain
  ),
  { maxLength: 20 }
)
const seal = { key: Buffer.alloc(32, 1), ownerId: Buffer.alloc(16, 2) }

test('a record opens as what was sealed, and its header says where it stands', t => {
  const property = fc.property(places, someBytes(0, 500), (place, plaintext) => {
    const { bytes: record } = encodeSealedRecord(place, plaintext, seal)
    const { header } = decodeRecordHeader(record)
    assert(header !== undefined)
    assert.deepEqual({ kind: header.kind, term: header.term, sequence: header.sequence }, place)
    assert(isWhole(header, record))
    assert.deepEqual(openSealedRecord(record, seal), plaintext)
    assert(!record.includes(plaintext) || plaintext.length < 8)
  })
  t.notThrows(() => {
    fc.assert(property)
  })
})

test('a record of which any bit is another is not whole, or does not open', t => {
  const property = fc.property(places, someBytes(0, 200), fc.nat(), (place, plaintext, at) => {
    const { bytes: record } = encodeSealedRecord(place, plaintext, seal)
    const bit = at % (record.length * 8)
    record[bit >> 3] = (record[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    const { header } = decodeRecordHeader(record)
    assert(header === undefined || !isWhole(header, record))
  })
  t.notThrows(() => {
    fc.assert(property)
  })
})

test('a record with right checksums at another place, or of another owner, does not open', t => {
  const { bytes: record } = encodeSealedRecord(
    { kind: 'commit', term: 3, sequence: 9 },
    Buffer.from('rows'),
    seal
  )
  t.is(openSealedRecord(record, { ...seal, ownerId: Buffer.alloc(16, 3) }), undefined)
  t.is(openSealedRecord(record, { ...seal, key: Buffer.alloc(32, 3) }), undefined)
  record.writeBigUInt64LE(10n, 16)
  record.writeUInt32LE(crc32(record.subarray(0, 60)), 60)

  const { header } = decodeRecordHeader(record)
  t.is(header?.sequence, 10)
  t.true(header !== undefined && isWhole(header, record))
  t.is(openSealedRecord(record, seal), undefined)
})

test('a record header is what docs/format.md says', t => {
  const { bytes: record } = encodeSealedRecord(
    { kind: 'begin', term: 3, sequence: 260 },
    Buffer.from('rows'),
    seal
  )
  t.is(record.length, recordHeaderSize + 4 + 16)
  t.is(
    record.toString('hex', 0, 24),
    '5232444d' + '01020000' + '0300000000000000' + '0401000000000000'
  )
  t.is(record.readUInt32LE(48), 20)
  t.is(record.readUInt32LE(52), crc32(record.subarray(64)))
  t.is(record.readUInt32LE(56), 0)
  t.is(record.readUInt32LE(60), crc32(record.subarray(0, 60)))
})

test('a record of a later release is told apart from a damaged one', t => {
  const { bytes: record } = encodeSealedRecord(
    { kind: 'rows', term: 1, sequence: 1 },
    Buffer.alloc(0),
    seal
  )
  record.writeUInt8(2, 4)
  t.is(decodeRecordHeader(record).fault, 'bad-checksum')
  record.writeUInt32LE(crc32(record.subarray(0, 60)), 60)
  t.is(decodeRecordHeader(record).fault, 'unknown-version')
})

test('rows are read as they were written, and take the bytes that were foretold', t => {
  const property = fc.property(rows, list => {
    const puts = list.flatMap(({ key, value }) => (value === undefined ? [] : [{ key, value }]))
    const deletes = list.flatMap(({ key, value }) => (value === undefined ? [key] : []))
    const encoded = encodeBatch({ puts, deletes })
    assert.deepEqual(decodeRows(encoded), [
      ...puts,
      ...deletes.map(key => ({ key, value: undefined }))
    ])
    assert.equal(
      encoded.length,
      list.reduce((sum, { key, value }) => sum + rowSize(key, value), 0)
    )
  })
  t.notThrows(() => {
    fc.assert(property)
  })
  t.is(
    encodeBatch({
      puts: [{ key: Buffer.from('ab'), value: Buffer.from('xyz') }],
      deletes: [Buffer.from('c')]
    }).toString('hex'),
    '026162' + '0478797a' + '0163' + '00'
  )
})

test('bytes that are no rows are refused, never taken for others', t => {
  const property = fc.property(rows, fc.nat(), (list, cut) => {
    const puts = list.flatMap(({ key, value }) => (value === undefined ? [] : [{ key, value }]))
    const encoded = encodeBatch({ puts, deletes: [] })
    const short = encoded.subarray(0, cut % (encoded.length + 1))
    try {
      const found = decodeRows(short)
      assert.deepEqual(found, puts.slice(0, found.length))
    } catch (error) {
      assert.equal((error as { code?: string }).code, 'R2D_CORRUPT_RECORD')
    }
  })
  t.notThrows(() => {
    fc.assert(property)
  })
})

const belonging = {
  storeId: bytes(16),
  volumeId: bytes(16),
  keyId: bytes(16),
  volumeNumber: fc.integer({ min: 1, max: 0xffffffff }),
  created: number
}

test('file headers are read as they were written, and not if a bit is another', t => {
  const journal = fc
    .record({
      ...belonging,
      term: fc.integer({ min: 1 }),
      termFirst: fc.integer({ min: 1 }),
      more: fc.nat()
    })
    .map(({ more, ...header }) => ({ ...header, first: header.termFirst + more }))
  const snapshot = fc.record(
    {
      ...belonging,
      number: fc.integer({ min: 1 }),
      snapshotId: bytes(16)
    },
    plain
  )
  const property = fc.property(journal, snapshot, fc.nat(8 * fileHeaderSize - 1), (a, b, bit) => {
    const [first, second] = [encodeJournalHeader(a), encodeSnapshotHeader(b)]
    assert.deepEqual(decodeJournalHeader(first).header, a)
    assert.deepEqual(decodeSnapshotHeader(second).header, b)
    assert.equal(decodeJournalHeader(second).fault, 'bad-magic')
    first[bit >> 3] = (first[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    assert.equal(decodeJournalHeader(first).header, undefined)
    assert.equal(decodeSnapshotHeader(second.subarray(0, 127)).fault, 'torn')
  })
  t.notThrows(() => {
    fc.assert(property)
  })
})

test('the end of a snapshot, a wrapped key and a position are read as they were written', t => {
  const end = fc.record(
    {
      chunks: number,
      rows: number,
      term: number,
      sequence: number,
      bytes: number
    },
    plain
  )
  const key = fc.record(
    { storeId: bytes(16), id: bytes(16), created: number, wrapped: bytes(48) },
    plain
  )
  const position = fc.record(
    {
      term: number,
      sequence: number,
      isJournaled: fc.boolean(),
      keys: fc.array(someBytes(0, 50))
    },
    plain
  )
  const property = fc.property(end, key, position, fc.nat(8 * 128 - 1), (a, b, c, bit) => {
    assert.deepEqual(decodeSnapshotEnd(encodeSnapshotEnd(a)), a)
    const file = encodeJournalKey(b)
    assert.deepEqual(decodeJournalKey(file), b)
    file[bit >> 3] = (file[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    assert.equal(decodeJournalKey(file), undefined)
    assert.deepEqual(decodeJournalPosition(encodeJournalPosition(c)), c)
  })
  t.notThrows(() => {
    fc.assert(property)
  })
})

async function makePath(t: { teardown: (run: () => Promise<void>) => void }): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'r2d-journal-'))
  t.teardown(() => rm(path, { recursive: true, force: true }))
  return path
}

test('a scan finds every record in front of damage and behind it, and says where the damage is', async t => {
  const folder = await makePath(t)
  let n = 0
  const property = fc.asyncProperty(
    fc.array(fc.nat(3000), { minLength: 1, maxLength: 12 }),
    fc.nat(),
    fc.nat(),
    async (sizes, which, at) => {
      const records = sizes.map((size, sequence) =>
        encodeSealedRecord({ kind: 'commit', term: 1, sequence }, Buffer.alloc(size, 'r'), seal)
      )
      const damaged = which % records.length
      const victim = records[damaged]?.bytes ?? Buffer.alloc(1)
      victim[at % victim.length] = (victim[at % victim.length] ?? 0) ^ 4
      const path = join(folder, `${n++}`)
      const file = await nodeFiles.create(path)
      await file.write(
        records.map(record => record.bytes),
        0
      )
      await file.close()

      const reader = await nodeFiles.openRead(path)
      const scan = new RecordScan(reader, 0)
      const found: number[] = []
      const damages = []
      for (;;) {
        const next = await scan.next()
        if (next === undefined) break
        if (next.damage === undefined) found.push(next.record.sequence)
        else damages.push(next.damage)
      }
      await reader.close()
      const before = records.slice(0, damaged).reduce((sum, record) => sum + record.bytes.length, 0)
      const isTail = damaged === records.length - 1
      assert.deepEqual(
        found,
        records.map(({ sequence }) => sequence).filter(sequence => sequence !== damaged)
      )
      assert.deepEqual(damages, [{ from: before, to: before + victim.length, isTail }])
    }
  )
  await t.notThrowsAsync(fc.assert(property, { numRuns: 60 }))
})

test("the journal's key opens under both master keys while they change, and then under the new one only", async t => {
  const paths = [await makePath(t), await makePath(t)]
  const storeId = Buffer.alloc(16, 5)
  const [from, to] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)]
  const key = newJournalKey(7)
  for (const path of paths) {
    await placeJournalKey(path, key, { storeId, masterKey: from }, nodeFiles)
  }
  const opens = async (masterKey: Buffer): Promise<boolean> => {
    const found = await readJournalKeys(paths, { storeId, masterKeys: [masterKey] }, nodeFiles)
    return found[0]?.key.equals(key.key) === true
  }

  t.deepEqual([await opens(from), await opens(to)], [true, false])
  await wrapJournalKeys(paths, { storeId, from, to }, nodeFiles)
  t.deepEqual([await opens(from), await opens(to)], [true, true])
  await dropJournalKeyWrappings(paths, [to], nodeFiles)
  t.deepEqual([await opens(from), await opens(to)], [false, true])
})
