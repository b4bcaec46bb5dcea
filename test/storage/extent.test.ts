// Extents on three volumes: what was written is read, whatever one of the volumes does.

import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, open, readdir, rename, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import fc from 'fast-check'
import { R2dError } from '../../src/errors.ts'
import { extentSizeMax, frameSize } from '../../src/limits.ts'
import { ExtentReader } from '../../src/storage/extent-reader.ts'
import { ExtentWriter } from '../../src/storage/extent-writer.ts'
import { place } from '../../src/storage/placement.ts'
import type { Replica } from '../../src/storage/replica.ts'
import { recordHeaderSize, segmentName } from '../../src/storage/segment-format.ts'
import { createVolume } from '../../src/storage/superblock.ts'
import { VolumeSet, type Volume } from '../../src/storage/volume-set.ts'
import { FaultyFiles } from '../faults/faulty-files.ts'
import { makeExtent, openVolumes, policy, storeId, type TestVolumes } from './open-volumes.ts'

const sizes = [1, frameSize - 1, frameSize, frameSize + 1, 3 * frameSize, extentSizeMax]

function segmentPath({ descriptions }: TestVolumes, { volume, segment }: Replica): string {
  const description = descriptions.find(({ number }) => number === volume)
  assert(description !== undefined)
  return join(description.path, 'segments', segmentName(segment))
}

test('any run of frames of any extent is read as it was written', async t => {
  const { volumes, faults } = await openVolumes(t)
  const writer = new ExtentWriter({ volumes })
  const reader = new ExtentReader({ volumes, onFault: fault => faults.push(fault) })
  const size = fc.oneof(fc.constantFrom(...sizes), fc.integer({ min: 1, max: 300_000 }))
  const property = fc.asyncProperty(size, fc.nat(), fc.nat(), async (length, from, count) => {
    const { extent, key, content } = makeExtent(length)
    const replicas = await writer.write(extent, policy)
    assert.equal(new Set(replicas.map(({ volume }) => volume)).size, policy.replicaCount)

    const frames = Math.ceil(length / frameSize)
    const first = from % frames
    const frameCount = 1 + (count % (frames - first))
    const read = await reader.read(
      { id: extent.id, size: length, key, replicas },
      first,
      frameCount
    )
    const expected = content.subarray(first * frameSize, (first + frameCount) * frameSize)
    assert(read.equals(expected))
  })

  await t.notThrowsAsync(fc.assert(property, { numRuns: 60 }))
  t.deepEqual(faults, [])
  await writer.close()
  await reader.close()
})

const damages: [string, (path: string, replica: Replica) => Promise<void>][] = [
  [
    'has a bit flipped',
    async (path, { offset }) => {
      const file = await open(path, 'r+')
      const byte = Buffer.alloc(1)
      await file.read(byte, 0, 1, offset + recordHeaderSize + 100)
      byte.writeUInt8(byte.readUInt8(0) ^ 4, 0)
      await file.write(byte, 0, 1, offset + recordHeaderSize + 100)
      await file.close()
    }
  ],
  ['is cut short', (path, { offset }) => truncate(path, offset + recordHeaderSize + 50)],
  ['is gone', path => rm(path)],
  [
    'is a directory now',
    async path => {
      await rm(path)
      await mkdir(path)
    }
  ]
]

for (const [what, damage] of damages) {
  test(`a replica whose segment ${what} is reported, and another one is read`, async t => {
    const opened = await openVolumes(t)
    const { volumes, faults } = opened
    const writer = new ExtentWriter({ volumes })
    const { extent, key, content } = makeExtent(200_000)
    const replicas = await writer.write(extent, policy)
    const readable = { id: extent.id, size: extent.size, key, replicas }
    // The one that is asked first.
    const victim = replicas[(extent.id[0] ?? 0) % 2]
    assert(victim !== undefined)

    await damage(segmentPath(opened, victim), victim)
    const reader = new ExtentReader({ volumes, onFault: fault => faults.push(fault) })
    const read = await reader.read(readable, 0, 4)

    t.true(read.equals(content))
    t.is(faults.length, 1)
    t.like(faults[0], { kind: 'read', volume: victim.volume, segment: victim.segment })
    await writer.close()
    await reader.close()
  })
}

test('an extent of which no replica is right is an error, never wrong bytes', async t => {
  const files = new FaultyFiles()
  const { volumes, faults } = await openVolumes(t, files)
  const writer = new ExtentWriter({ volumes })
  const { extent, key } = makeExtent(1000)
  const replicas = await writer.write(extent, policy)
  const reader = new ExtentReader({ volumes, onFault: fault => faults.push(fault) })

  files.faults = { flip: 'volume-' }
  const read = reader.read({ id: extent.id, size: 1000, key, replicas }, 0, 1)

  const error = await t.throwsAsync(read, { instanceOf: R2dError })
  t.is(error.code, 'R2D_EXTENT_UNREADABLE')
  t.is(faults.length, 2)
  await writer.close()
  await reader.close()
})

for (const [what, fault] of [
  ['fails writes', { write: { path: 'volume-2', errno: 'EIO' } }],
  ['fails to sync', { sync: { path: 'volume-2', errno: 'EIO' } }],
  ['is full', { write: { path: 'volume-2', errno: 'ENOSPC' } }]
] as const) {
  test(`a volume that ${what} is left, and its replicas go to the others`, async t => {
    const files = new FaultyFiles()
    const { volumes, faults } = await openVolumes(t, files)
    // The first placement is on volumes 1 and 2.
    const writer = new ExtentWriter({ volumes, random: () => 0 })
    const reader = new ExtentReader({ volumes, onFault: each => faults.push(each) })

    files.faults = fault
    const written = await Promise.all(
      Array.from({ length: 30 }, async () => {
        const made = makeExtent(5000)
        return { ...made, replicas: await writer.write(made.extent, policy) }
      })
    )

    t.is(volumes.byNumber(2)?.state, what === 'is full' ? 'full' : 'failed')
    t.true(faults.length > 0)
    files.faults = {}
    for (const { extent, key, content, replicas } of written) {
      t.deepEqual(replicas.map(({ volume }) => volume).sort(), [1, 3])
      const read = await reader.read({ id: extent.id, size: 5000, key, replicas }, 0, 1)
      t.true(read.equals(content))
    }
    await writer.close()
    await reader.close()
  })
}

test('too few volumes for all replicas is an error that says how many there are', async t => {
  const files = new FaultyFiles()
  const { volumes } = await openVolumes(t, files)
  const writer = new ExtentWriter({ volumes })

  files.faults = { write: { path: 'volume-', errno: 'EIO' } }
  const failed = await t.throwsAsync(writer.write(makeExtent(10).extent, policy), {
    instanceOf: R2dError
  })
  t.is(failed.code, 'R2D_UNAVAILABLE')
  t.regex(failed.message, /2 replicas/)
  await writer.close()
})

test('where volumes fail, an extent is written to fewer of them, down to the least that its policy allows', async t => {
  const files = new FaultyFiles()
  const { volumes, faults } = await openVolumes(t, files)
  const writer = new ExtentWriter({ volumes })
  const reader = new ExtentReader({ volumes, onFault: fault => faults.push(fault) })
  const degraded = { ...policy, replicaCount: 3, replicaCountMin: 1 }
  const write = async (): Promise<number> => {
    const { extent, key, content } = makeExtent(5000)
    const replicas = await writer.write(extent, degraded)
    const read = await reader.read({ id: extent.id, size: 5000, key, replicas }, 0, 1)
    t.true(read.equals(content))
    return new Set(replicas.map(({ volume }) => volume)).size
  }

  t.is(await write(), 3)
  files.faults = { write: { path: 'volume-1', errno: 'EIO' } }
  t.is(await write(), 2)
  files.faults = { sync: { path: 'volume-3', errno: 'EIO' } }
  t.is(await write(), 1)
  t.is(await write(), 1)
  files.faults = { write: { path: 'volume-2', errno: 'EIO' } }
  await t.throwsAsync(write(), { code: 'R2D_UNAVAILABLE' })
  await writer.close()
  await reader.close()
})

test('volumes without space refuse writes as a full store', async t => {
  const files = new FaultyFiles()
  const { volumes } = await openVolumes(t, files)
  const writer = new ExtentWriter({ volumes })

  files.faults = { write: { path: 'volume-', errno: 'ENOSPC' } }
  const failed = await t.throwsAsync(writer.write(makeExtent(10).extent, policy), {
    instanceOf: R2dError
  })

  t.is(failed.code, 'R2D_STORE_FULL')
  await writer.close()
})

test('what is appended at once shares its syncs', async t => {
  const files = new FaultyFiles()
  const { volumes } = await openVolumes(t, files)
  const writer = new ExtentWriter({ volumes })

  const written = await Promise.all(
    Array.from({ length: 500 }, () => writer.write(makeExtent(100).extent, policy))
  )

  t.true(files.syncs < 60, `${files.syncs} syncs of ${written.length * 2} replicas`)
  const places = written
    .flat()
    .map(({ volume, segment, offset }) => `${volume}/${segment}/${offset}`)
  t.is(new Set(places).size, 1000)
  await writer.close()
})

test('small extents that follow each other go to the same volumes, and all volumes have their turn', async t => {
  const { volumes } = await openVolumes(t)
  let state = 1
  const random = (): number => (state = (state * 16_807) % 2_147_483_647) / 2_147_483_647
  const writer = new ExtentWriter({ volumes, random })
  const volumesOf = async (size: number): Promise<string> => {
    const replicas = await writer.write(makeExtent(size).extent, policy)
    return String(replicas.map(({ volume }) => volume).sort())
  }

  const few = await Promise.all(Array.from({ length: 200 }, () => volumesOf(1000)))
  const many: string[] = []
  for (let n = 0; n < 30; n++) many.push(await volumesOf(extentSizeMax - 100_000))

  t.is(new Set(few).size, 1)
  t.deepEqual([...new Set(many)].sort(), ['1,2', '1,3', '2,3'])
  await writer.close()
})

test('a directory that is another volume is not used, and keeps no other from being used', async t => {
  const { root, descriptions } = await openVolumes(t)
  const [first, second, third] = descriptions
  assert(first !== undefined && second !== undefined && third !== undefined)
  const faults: unknown[] = []

  // Two disks are swapped, and the third is another store's.
  await rename(first.path, join(root, 'x'))
  await rename(second.path, first.path)
  await rename(join(root, 'x'), second.path)
  await rm(third.path, { recursive: true })
  await createVolume(third.path, { storeId: Buffer.alloc(16, 1), number: 3 })
  const volumes = await VolumeSet.open(descriptions, {
    storeId,
    onFault: fault => faults.push(fault)
  })

  t.deepEqual(
    volumes.all().map(({ state }) => state),
    ['failed', 'failed', 'failed']
  )
  t.is(faults.length, 3)
})

test('a superblock that is damaged is refused', async t => {
  const { descriptions } = await openVolumes(t)
  const [first] = descriptions
  assert(first !== undefined)
  await writeFile(join(first.path, 'superblock'), Buffer.alloc(64))

  const volumes = await VolumeSet.open([first], { storeId, onFault: () => undefined })

  t.like(volumes.byNumber(1), { state: 'failed' })
})

test('placement never puts two replicas on one volume, nor in one domain while another is free', t => {
  const volume = fc.record(
    {
      state: fc.constantFrom('active' as const, 'full' as const, 'failed' as const),
      domain: fc.constantFrom('a', 'b', 'c'),
      free: fc.nat(1_000_000)
    },
    { noNullPrototype: true }
  )
  const property = fc.property(
    fc.array(volume, { maxLength: 8 }),
    fc.integer({ min: 1, max: 4 }),
    fc.infiniteStream(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })),
    (drawn, count, randoms) => {
      const volumes = drawn.map((each, index): Volume => ({
        ...each,
        number: index + 1,
        id: Buffer.alloc(16),
        path: '',
        location: 'here',
        failureDomain: '',
        recorded: 'active',
        condition: 'good',
        reason: undefined,
        total: 1_000_000
      }))
      const random = (): number => Number(randoms.next().value)
      const chosen = place(volumes, count, [], random)

      const usable = volumes.filter(({ state }) => state === 'active')
      assert.equal(chosen.length, Math.min(count, usable.length))
      assert(chosen.every(each => usable.includes(each)))
      assert.equal(new Set(chosen).size, chosen.length)
      const domains = new Set(usable.map(({ domain }) => domain)).size
      const used = new Set(chosen.map(({ domain }) => domain)).size
      assert.equal(used, Math.min(chosen.length, domains))
    }
  )

  t.notThrows(() => {
    fc.assert(property)
  })
})

test('every extent acknowledged by a process that was killed is on its replicas', async t => {
  const opened = await openVolumes(t)
  const acknowledged: {
    id: string
    key: string
    size: number
    byte: number
    replicas: Replica[]
  }[] = []
  for (let round = 0; round < 3; round++) {
    const child = fork(fileURLToPath(new URL('extent-process.js', import.meta.url)), {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc']
    })
    child.send(opened.descriptions.map(each => ({ ...each, id: each.id.toString('hex') })))
    const target = acknowledged.length + 60
    child.on('message', (message: (typeof acknowledged)[number]) => {
      if (acknowledged.push(message) === target) child.kill('SIGKILL')
    })
    await once(child, 'exit')
  }

  const faults: unknown[] = []
  for (const each of acknowledged) {
    // Each replica by itself.
    for (const replica of each.replicas) {
      const reader = new ExtentReader({
        volumes: opened.volumes,
        onFault: fault => faults.push(fault)
      })
      const id = Buffer.from(each.id, 'hex')
      const key = Buffer.from(each.key, 'hex')
      const read = await reader.read({ id, size: each.size, key, replicas: [replica] }, 0, 1)
      t.true(read.equals(Buffer.alloc(each.size, each.byte)))
      await reader.close()
    }
  }
  t.deepEqual(faults, [])
  const segments = await Promise.all(
    opened.descriptions.map(({ path }) => readdir(join(path, 'segments')))
  )
  t.true(
    segments.flat().length >= 3 * policy.replicaCount,
    'each process began segments of its own'
  )
})
