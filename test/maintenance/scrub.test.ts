// Scrub finds every kind of damage in what is live, and repair makes it whole.

import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import test, { type ExecutionContext } from 'ava'
import fc from 'fast-check'
import { sealedSize } from '../../src/crypto/frame-cipher.ts'
import { Repairs } from '../../src/maintenance/repairs.ts'
import { Scrub } from '../../src/maintenance/scrub.ts'
import { decodeScrubRecord, encodeScrubRecord } from '../../src/metadata/scrub-record.ts'
import { damageNames, damages } from './damage.ts'
import { openRepairStore, requireWhole, type RepairStore } from './repair-store.ts'

const never = new AbortController().signal

function options(store: RepairStore, periodMs = 1) {
  const faults: unknown[] = []
  return {
    ...store.work,
    metadata: store.engine,
    bytesPerSecond: 1e12,
    periodMs,
    now: Date.now,
    onFault: (fault: unknown) => faults.push(fault),
    onNoted: () => undefined,
    failedDelayMs: 0,
    onLost: () => assert.fail('nothing is lost'),
    faults
  }
}

async function scrubAndRepair(store: RepairStore): Promise<Scrub> {
  const scrub = await Scrub.open(options(store, 0))
  await scrub.start()
  await scrub.round(never)
  await new Repairs(options(store)).round(never)
  return scrub
}

for (const kind of damageNames) {
  test(`${kind} is found and repaired, and the next round finds nothing to repair`, async t => {
    const store = await openRepairStore(t)
    const made = await Promise.all([300, 70_000, 200_000].map(size => store.write(size, 2)))
    for (const { replicas, extent } of made) {
      const [replica] = replicas
      assert(replica !== undefined)
      const place = { path: store.pathOf(replica), offset: replica.offset }
      await damages[kind]({ ...place, payloadSize: sealedSize(extent.size) }, 0.4)
    }

    const { figures } = await scrubAndRepair(store)

    t.like(figures, { state: 'done', noted: 3 })
    for (const each of made) await requireWhole(store, each, 2)
    t.is((await scrubAndRepair(store)).figures.noted, 0)
  })
}

test('whatever is damaged at random in one replica of each extent is whole after a scrub', async t => {
  const fault = fc.record(
    {
      kind: fc.constantFrom(...damageNames),
      at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      which: fc.nat(1),
      size: fc.integer({ min: 1, max: 150_000 })
    },
    { noNullPrototype: true }
  )
  const store = await openRepairStore(t)
  const property = fc.asyncProperty(fc.array(fault, { maxLength: 6 }), async faults => {
    const made = await Promise.all(
      faults.map(async ({ kind, at, which, size }) => {
        const one = await store.write(size, 2)
        const replica = one.replicas[which]
        assert(replica !== undefined)
        const place = { path: store.pathOf(replica), offset: replica.offset }
        await damages[kind]({ ...place, payloadSize: sealedSize(size) }, at)
        return one
      })
    )
    await scrubAndRepair(store)
    for (const each of made) await requireWhole(store, each, 2)
  })

  await t.notThrowsAsync(fc.assert(property, { numRuns: 12 }))
})

async function many(t: ExecutionContext): Promise<RepairStore> {
  const store = await openRepairStore(t)
  for (let n = 0; n < 8; n++) await store.write(5000, 2)
  return store
}

test('a round that is cut off goes on at the segment where it was', async t => {
  const store = await many(t)
  const cut = new AbortController()
  let steps = 0
  const { committer } = store.work
  const counting: typeof committer = {
    mutate: async (...order) => {
      if (++steps === 6) cut.abort()
      return committer.mutate(...order)
    }
  }
  const first = await Scrub.open({ ...options(store), committer: counting })
  await first.round(cut.signal)
  const done = first.figures.segmentsDone
  t.true(done > 0 && done < 16)

  const second = await Scrub.open(options(store))
  t.like(second.figures, { state: 'running', segmentsDone: done })
  await second.round(never)
  t.like(second.figures, { state: 'done', segmentsDone: 16, segmentCount: 16 })
})

test('nothing is read while it is paused, or before a round is due', async t => {
  const store = await many(t)
  const [made] = [await store.write(100, 2)]
  const scrub = await Scrub.open(options(store, 1e12))
  await scrub.start()
  await scrub.pause()
  for (const replica of made.replicas) await rm(store.pathOf(replica))

  await scrub.round(never)
  t.like(scrub.figures, { state: 'paused', bytes: 0, noted: 0 })

  await scrub.resume()
  await scrub.round(never)
  const { bytes } = scrub.figures
  t.true(bytes > 0)
  await scrub.round(never)
  t.like(scrub.figures, { state: 'done', bytes, noted: 1 })
})

test('a scrub row decodes to what was encoded', t => {
  const record = {
    state: 'paused' as const,
    started: 1,
    finished: 2,
    volume: 3,
    segment: 4,
    segmentsDone: 5,
    segmentCount: 6,
    bytes: 7,
    damages: 8,
    noted: 9,
    places: [{ volume: 1, segment: 2, offset: 3, size: 4 }]
  }
  const bytes = encodeScrubRecord(record)
  t.is(bytes.toString('hex'), '1801' + '01' + '010203040506070809' + '01' + '01020304')
  t.deepEqual(decodeScrubRecord(bytes), record)
})

test('what is found while nothing is committed is found again by the next round', async t => {
  const store = await openRepairStore(t)
  const made = await store.write(70_000, 2)
  const [replica] = made.replicas
  assert(replica !== undefined)
  const place = { path: store.pathOf(replica), offset: replica.offset }
  await damages['a bit of the payload']({ ...place, payloadSize: sealedSize(70_000) }, 0.4)
  const scrub = await Scrub.open(options(store, 0))
  await scrub.start()
  const { committer } = store.work
  const mutate = committer.mutate.bind(committer)
  committer.mutate = () => Promise.reject(new RangeError('injected'))
  await t.throwsAsync(scrub.round(never), { message: 'injected' })

  committer.mutate = mutate
  await scrub.round(never)

  t.like(scrub.figures, { state: 'done', noted: 1 })
  await new Repairs(options(store)).round(never)
  await requireWhole(store, made, 2)
})
