// Walking a segment: any records, any damage. What is whole is found, nothing is invented, every byte is accounted for.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import test from 'ava'
import fc from 'fast-check'
import { sealedSize } from '../../src/crypto/frame-cipher.ts'
import { nodeFiles, type DataFile } from '../../src/file.ts'
import {
  encodeRecordHeader,
  encodeSegmentHeader,
  recordHeaderSize,
  segmentHeaderSize,
  segmentName
} from '../../src/storage/segment-format.ts'
import { encodeRecord, SegmentWriter } from '../../src/storage/segment-writer.ts'
import { walkSegment, type SegmentItem, type WalkOptions } from '../../src/storage/segment-walk.ts'
import { segmentsName } from '../../src/storage/superblock.ts'
import { makeExtent, openVolumes, storeId } from './open-volumes.ts'

const volumeId = Buffer.alloc(16, 0x22)
const identity = { storeId, volumeId, segmentNumber: 77 }
const segmentHeader = encodeSegmentHeader({ ...identity, volumeNumber: 1, created: 1 })

interface Written {
  offset: number
  size: number
  extentId: Buffer
}

/** A segment with records of these plain sizes, in memory. */
function buildSegment(plainSizes: readonly number[]): { bytes: Buffer; records: Written[] } {
  const pieces: Buffer[] = [segmentHeader]
  const records: Written[] = []
  let offset = segmentHeaderSize
  for (const plainSize of plainSizes) {
    const [extentId, payload] = [randomBytes(16), randomBytes(sealedSize(plainSize))]
    const header = encodeRecordHeader({
      extentId,
      plainSize,
      payloadSize: payload.length,
      payloadCheck: crc32(payload)
    })
    pieces.push(header, payload)
    const size = header.length + payload.length
    records.push({ offset, size, extentId })
    offset += size
  }
  return { bytes: Buffer.concat(pieces), records }
}

/** A file in memory; the sectors of 512 bytes that are named give EIO. */
function fileOf(bytes: Buffer, badSectors: readonly number[] = []): DataFile {
  const isBad = (start: number, end: number): boolean =>
    badSectors.some(sector => sector * 512 < end && start < (sector + 1) * 512)

  return {
    read(into, position) {
      const end = Math.min(position + into.length, bytes.length)
      if (isBad(position, end)) {
        return Promise.reject(Object.assign(new Error('EIO: injected'), { code: 'EIO' }))
      }
      return Promise.resolve(bytes.copy(into, 0, position, end))
    },
    write: () => assert.fail('A walk writes nothing'),
    sync: () => assert.fail('A walk writes nothing'),
    size: () => Promise.resolve(bytes.length),
    close: () => Promise.resolve()
  }
}

async function walk(file: DataFile, options: WalkOptions = {}): Promise<SegmentItem[]> {
  const items: SegmentItem[] = []
  for await (const batch of walkSegment(file, { expected: identity, ...options })) {
    items.push(...batch)
  }
  return items
}

/** Items follow each other without gap or overlap, from the segment's header to the end of the file. */
function assertTiled(items: readonly SegmentItem[], size: number): void {
  let next = items[0]?.offset === 0 ? 0 : Math.min(segmentHeaderSize, size)
  for (const item of items) {
    assert.equal(item.offset, next)
    assert(item.size > 0)
    next += item.size
  }
  assert.equal(next, size)
}

const plainSize = fc.oneof(
  fc.integer({ min: 1, max: 300 }),
  fc.integer({ min: 1, max: 5000 }),
  fc.integer({ min: 65_000, max: 140_000 })
)
const plainSizes = fc.array(plainSize, { maxLength: 24 })
const windowSize = fc.constantFrom(160, 1000, 4096, 65_536, 1024 * 1024)
/** At a share of the file: bytes that are not what stood there. */
const damage = fc.record({
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  size: fc.oneof(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 9000 }))
})

test('every record of an undamaged segment is found, with its place, and nothing else', async t => {
  const property = fc.asyncProperty(
    plainSizes,
    windowSize,
    fc.boolean(),
    async (sizes, window, verifyPayloads) => {
      const { bytes, records } = buildSegment(sizes)

      const items = await walk(fileOf(bytes), { windowSize: window, verifyPayloads })

      assert.deepEqual(
        items.map(
          item =>
            item.kind === 'record' && {
              offset: item.offset,
              size: item.size,
              extentId: item.extentId,
              payload: item.payload,
              plainSize: item.plainSize
            }
        ),
        records.map((record, index) => ({
          ...record,
          payload: verifyPayloads ? 'whole' : 'unread',
          plainSize: sizes[index]
        }))
      )
      assertTiled(items, bytes.length)
    }
  )

  await t.notThrowsAsync(() => fc.assert(property))
})

test('whatever is damaged, each record that is whole is found, none is invented, and every byte is accounted for', async t => {
  const property = fc.asyncProperty(
    plainSizes,
    fc.array(damage, { minLength: 1, maxLength: 8 }),
    windowSize,
    fc.option(fc.double({ min: 0, max: 1, noNaN: true })),
    async (sizes, damages, window, cutAt) => {
      const { bytes: good, records } = buildSegment(sizes)
      const bytes = Buffer.from(good.subarray(0, Math.round((cutAt ?? 1) * good.length)))
      for (const { at, size } of damages) {
        const start = Math.floor(at * bytes.length)
        for (let place = start; place < Math.min(start + size, bytes.length); place++) {
          bytes.writeUInt8(bytes.readUInt8(place) ^ (1 + (place % 255)), place)
        }
      }
      const isSame = (start: number, end: number): boolean =>
        end <= bytes.length && bytes.subarray(start, end).equals(good.subarray(start, end))

      const items = await walk(fileOf(bytes), { windowSize: window, verifyPayloads: true })

      const expected = records
        .filter(
          ({ offset, size }) =>
            isSame(offset, offset + recordHeaderSize) && offset + size <= bytes.length
        )
        .map(({ offset, size, extentId }) => ({
          offset,
          size,
          extentId,
          payload: isSame(offset, offset + size) ? 'whole' : 'damaged'
        }))
      const found = items.flatMap(item =>
        item.kind === 'record'
          ? [
              {
                offset: item.offset,
                size: item.size,
                extentId: item.extentId,
                payload: item.payload
              }
            ]
          : []
      )
      assert.deepEqual(found, expected)
      assertTiled(items, bytes.length)
    }
  )

  await t.notThrowsAsync(() => fc.assert(property, { numRuns: 500 }))
})

test('sectors that the disk cannot read are damage of what stands in them; the rest is found', async t => {
  const property = fc.asyncProperty(
    plainSizes,
    fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 4 }),
    windowSize,
    async (sizes, places, window) => {
      const { bytes, records } = buildSegment(sizes)
      const bad = places.map(place => Math.floor((place * (bytes.length - 1)) / 512))
      // What is read at once where an error was met.
      const isBad = (start: number, end: number): boolean =>
        bad.some(
          sector =>
            Math.floor(sector / 8) * 4096 < end && start < (Math.floor(sector / 8) + 1) * 4096
        )

      const items = await walk(fileOf(bytes, bad), { windowSize: window, verifyPayloads: true })

      const whole = items.flatMap(item =>
        item.kind === 'record' && item.payload === 'whole' ? [item.offset] : []
      )
      const untouched = records.filter(({ offset, size }) => !isBad(offset, offset + size))
      for (const { offset } of untouched) assert(whole.includes(offset))
      for (const offset of whole) assert(records.some(record => record.offset === offset))
      assertTiled(items, bytes.length)
    }
  )

  await t.notThrowsAsync(() => fc.assert(property))
})

test('a record that the end of the file cuts short is a torn tail, wherever it is cut', async t => {
  const { bytes, records } = buildSegment([100, 2000])
  const [first, last] = records
  assert(first !== undefined && last !== undefined)

  for (let size = last.offset + 1; size < bytes.length; size += 7) {
    const items = await walk(fileOf(bytes.subarray(0, size)))
    assert.deepEqual(
      items.map(({ kind, offset }) => ({ kind, offset })),
      [
        { kind: 'record', offset: first.offset },
        { kind: 'torn', offset: last.offset }
      ]
    )
  }
  t.deepEqual(await walk(fileOf(bytes.subarray(0, 40))), [{ kind: 'torn', offset: 0, size: 40 }])
  t.deepEqual(await walk(fileOf(bytes.subarray(0, 0))), [])
})

test('zeros up to the end are a torn tail; zeros with a record behind them are damage', async t => {
  const { bytes, records } = buildSegment([100, 2000, 300])
  const [first, second, third] = records
  assert(first !== undefined && second !== undefined && third !== undefined)

  const tail = Buffer.concat([bytes, Buffer.alloc(10_000)])
  t.deepEqual((await walk(fileOf(tail))).at(-1), {
    kind: 'torn',
    offset: bytes.length,
    size: 10_000
  })

  const hole = Buffer.from(bytes).fill(0, second.offset, third.offset)
  t.deepEqual((await walk(fileOf(hole)))[1], {
    kind: 'damaged',
    offset: second.offset,
    size: second.size,
    fault: 'bad-magic'
  })
})

test('the header of another segment is told apart from a damaged one, and the records are walked all the same', async t => {
  const { bytes, records } = buildSegment([100])
  const foreign = await walk(fileOf(bytes), { expected: { ...identity, segmentNumber: 78 } })
  const damaged = Buffer.from(bytes)
  damaged.writeUInt8(damaged.readUInt8(20) ^ 1, 20)

  const fault = { kind: 'damaged', offset: 0, size: segmentHeaderSize }
  t.deepEqual(foreign[0], { ...fault, fault: 'foreign' } as SegmentItem)
  t.deepEqual((await walk(fileOf(damaged)))[0], { ...fault, fault: 'bad-checksum' } as SegmentItem)
  t.is(foreign[1]?.offset, records[0]?.offset)
})

test('a real segment, as the writer left it, is walked through the file system', async t => {
  const {
    descriptions: [description]
  } = await openVolumes(t)
  assert(description !== undefined)
  const { path, id, number } = description
  const writer = new SegmentWriter({
    path,
    storeId,
    volumeId: id,
    volumeNumber: number,
    files: nodeFiles,
    now: Date.now
  })
  const extents = [1, 70_000, 3_000_000].map(makeExtent)
  const places = await Promise.all(extents.map(({ extent }) => writer.append(encodeRecord(extent))))
  await writer.close()

  const segment = places[0]?.segment ?? 0
  const segmentPath = join(path, segmentsName, segmentName(segment))
  const options = {
    expected: { storeId, volumeId: id, segmentNumber: segment },
    verifyPayloads: true
  }
  const read = async (): Promise<SegmentItem[]> => {
    const file = await nodeFiles.openRead(segmentPath)
    try {
      return await walk(file, options)
    } finally {
      await file.close()
    }
  }

  t.deepEqual(
    (await read()).map(
      item => item.kind === 'record' && [item.offset, item.extentId, item.plainSize, item.payload]
    ),
    extents.map(({ extent: { id: extentId, size } }, index) => [
      places[index]?.offset ?? 0,
      extentId,
      size,
      'whole'
    ])
  )
  const bytes = await readFile(segmentPath)
  bytes.writeUInt8(bytes.readUInt8(bytes.length - 1) ^ 1, bytes.length - 1)
  await writeFile(segmentPath, bytes)
  t.deepEqual(
    (await read()).map(item => item.kind === 'record' && item.payload),
    ['whole', 'whole', 'damaged']
  )
})
