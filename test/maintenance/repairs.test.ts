// Repair as the daemon does it: what is missing is found in the rows, those at most risk come first, and all of it ends whole.

import assert from 'node:assert/strict'
import test, { type ExecutionContext } from 'ava'
import fc from 'fast-check'
import { Repairs } from '../../src/maintenance/repairs.ts'
import { repairRange } from '../../src/metadata/keys.ts'
import { openRepairStore, requireWhole, type RepairStore } from './repair-store.ts'
import { damageNames, damages } from './damage.ts'
import { sealedSize } from '../../src/crypto/frame-cipher.ts'

const never = new AbortController().signal

function openRepairs(store: RepairStore, { copied = [] as Buffer[], now = Date.now } = {}) {
  const lost: string[] = []
  const { writer } = store.work
  const repairs = new Repairs({
    ...store.work,
    metadata: store.engine,
    writer: {
      copy: (record, plan) => {
        copied.push(Buffer.from(record.buffers[0]?.subarray(8, 24) ?? []))
        return writer.copy(record, plan)
      }
    },
    bytesPerSecond: 1e12,
    failedDelayMs: 0,
    now,
    onLost: id => lost.push(id.toString('hex'))
  })
  return { repairs, lost }
}

async function noteCount(store: RepairStore): Promise<number> {
  await using cursor = store.engine.scan(repairRange())
  return (await cursor.read(100_000)).length
}

function volumeOf(store: RepairStore, number: number) {
  const volume = store.volumes.volumes.byNumber(number)
  assert(volume !== undefined)
  return volume
}

async function writeMany(store: RepairStore, count: number, replicaCount: number) {
  return Promise.all(
    Array.from({ length: count }, (_, n) => store.write(1000 + n * 97, replicaCount))
  )
}

test('whatever is on a volume that is out is copied elsewhere, those with the fewest replicas first', async t => {
  const store = await openRepairStore(t, { volumeCount: 5, replicaCount: 3 })
  const made = await writeMany(store, 60, 3)
  for (const number of [1, 2]) volumeOf(store, number).state = 'failed'
  const copied: Buffer[] = []
  const { repairs } = openRepairs(store, { copied })

  await repairs.round(never)

  const left = (id: Buffer): number => {
    const replicas = made.find(({ extent }) => extent.id.equals(id))?.replicas ?? []
    return replicas.filter(({ volume }) => volume > 2).length
  }
  const order = copied.map(left)
  // Eight are under way at once, so that neighbours may change places at the border.
  const border = order.filter(count => count === 1).length
  t.true(border > 0)
  t.true(order.slice(0, Math.max(0, border - 8)).every(count => count === 1))
  t.like(repairs.figures, { extents: 0, bytes: 0, lost: 0, secondsLeft: 0 })
  for (const each of made) await requireWhole(store, each, 3)
})

test('nothing is read while there is nothing to repair', async t => {
  const store = await openRepairStore(t)
  await writeMany(store, 10, 2)
  const { repairs } = openRepairs(store)
  store.files.faults = { read: { path: 'volume-', errno: 'EIO' } }

  await repairs.round(never)
  await repairs.round(never)

  t.like(repairs.figures, { extents: 0, repairedExtents: 0, lost: 0 })
})

test('what cannot be repaired is counted, kept in a row, and repaired once a volume is there', async t => {
  const store = await openRepairStore(t, { volumeCount: 2 })
  const [made] = await writeMany(store, 1, 2)
  assert(made !== undefined)
  const [gone] = made.replicas
  assert(gone !== undefined)
  volumeOf(store, gone.volume).state = 'failed'
  const { repairs } = openRepairs(store)

  repairs.queue.add(made.extent.id)
  await repairs.round(never)

  t.is(await noteCount(store), 1)
  t.like(repairs.figures, { extents: 1, queued: 0, repairedExtents: 0, secondsLeft: undefined })
  t.true(repairs.figures.bytes > 1000)

  volumeOf(store, gone.volume).state = 'active'
  await repairs.round(never)
  t.is(await noteCount(store), 0)
  t.like(repairs.figures, { extents: 0, bytes: 0 })
  await requireWhole(store, made, 2)
})

test('a drained volume is named by no row afterwards, and a lost one neither', async t => {
  for (const state of ['draining', 'lost'] as const) {
    const store = await openRepairStore(t, { volumeCount: 4 })
    const made = await writeMany(store, 40, 2)
    volumeOf(store, 1).state = state
    const { repairs } = openRepairs(store)

    await repairs.round(never)

    for (const each of made) {
      const row = await store.row(each.extent.id)
      t.false(row?.replicas.some(({ volume }) => volume === 1))
      await requireWhole(store, each, 2)
    }
  }
})

test('a repair that is cut off at any moment is finished by the next', async t => {
  const property = fc.asyncProperty(fc.integer({ min: 1, max: 25 }), async after => {
    const store = await openRepairStore(t, { volumeCount: 4 })
    const made = await writeMany(store, 30, 2)
    volumeOf(store, 2).state = 'failed'
    const cut = new AbortController()
    let count = 0
    const work = {
      ...store.work,
      writer: {
        copy: (...plan: Parameters<typeof store.work.writer.copy>) => {
          if (++count === after) cut.abort()
          return store.work.writer.copy(...plan)
        }
      }
    }
    await openRepairs({ ...store, work }).repairs.round(cut.signal)

    await openRepairs(store).repairs.round(never)
    for (const each of made) await requireWhole(store, each, 2)
  })

  await t.notThrowsAsync(fc.assert(property, { numRuns: 4 }))
})

async function rot(t: ExecutionContext, store: RepairStore, size: number) {
  const made = await store.write(size, 2)
  const [damaged] = made.replicas
  assert(damaged !== undefined)
  const path = store.pathOf(damaged)
  const kind = damageNames[size % damageNames.length] ?? 'a missing segment'
  await damages[kind]({ path, offset: damaged.offset, payloadSize: sealedSize(size) }, 0.3)
  t.log(kind)
  return made
}

test('replicas that reads met, of every kind of damage, are repaired, and nothing is left to do', async t => {
  const store = await openRepairStore(t)
  const { repairs } = openRepairs(store)
  const made = await Promise.all([100, 101, 102, 103, 104].map(size => rot(t, store, size)))
  for (const { extent } of made) t.true(repairs.queue.add(extent.id))

  await repairs.round(never)

  t.like(repairs.figures, { queued: 0, repairedExtents: 5, extents: 0 })
  for (const each of made) await requireWhole(store, each, 2)
})
