// Repair of one extent: whatever was damaged, as long as one replica is right all of them are afterwards.

import assert from 'node:assert/strict'
import test from 'ava'
import fc from 'fast-check'
import { sealedSize } from '../../src/crypto/frame-cipher.ts'
import { frameSize } from '../../src/limits.ts'
import { repairExtent } from '../../src/maintenance/repair-extent.ts'
import { decodeExtentRecord, encodeExtentRecord } from '../../src/metadata/extent-record.ts'
import { extentKey, volumeKey } from '../../src/metadata/keys.ts'
import { encodeVolumeRecord } from '../../src/metadata/volume-record.ts'
import { damageNames, damages, type Damage } from './damage.ts'
import { openRepairStore, requireWhole, type RepairStore } from './repair-store.ts'

interface Place {
  volume: number
  segment: number
  offset: number
}

async function damage(
  store: RepairStore,
  replica: Place,
  size: number,
  kind: Damage,
  at: number
): Promise<void> {
  const place = {
    path: store.pathOf(replica),
    offset: replica.offset,
    payloadSize: sealedSize(size)
  }
  await damages[kind](place, at)
}

const anySize = fc.oneof(fc.integer({ min: 1, max: 3 * frameSize }), fc.constant(frameSize))
const anyDamage = fc.option(
  fc.record(
    {
      kind: fc.constantFrom(...damageNames),
      at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
    },
    { noNullPrototype: true }
  ),
  { nil: undefined }
)

test('whatever is damaged, an extent with one right replica ends with all right; another is left as it was', async t => {
  const store = await openRepairStore(t, { volumeCount: 4, replicaCount: 3 })
  const { volumes } = store.volumes
  const property = fc.asyncProperty(
    anySize,
    fc.array(anyDamage, { minLength: 3, maxLength: 3 }),
    // A volume whose reads, and one whose writes, fail meanwhile; 0 is none.
    fc.nat(4),
    fc.nat(4),
    async (size, faults, unreadable, unwritable) => {
      const made = await store.write(size, 3)
      for (const [index, replica] of made.replicas.entries()) {
        const fault = faults[index]
        if (fault !== undefined) await damage(store, replica, size, fault.kind, fault.at)
      }
      store.files.faults = {
        read: { path: `volume-${unreadable}`, errno: 'EIO' },
        write: { path: `volume-${unwritable}`, errno: 'EIO' }
      }
      const right = made.replicas.filter(
        ({ volume }, index) => faults[index] === undefined && volume !== unreadable
      )

      const before = await store.engine.get(extentKey(made.extent.id))
      const outcome = await repairExtent(store.work, made.extent.id)

      store.files.faults = {}
      for (const volume of volumes.all()) {
        volume.state = 'active'
        volume.condition = 'good'
      }
      if (right.length === 0) {
        assert.equal(outcome?.kind, 'lost')
        assert.deepEqual(await store.engine.get(extentKey(made.extent.id)), before)
      } else if (right.length === 3) {
        assert.deepEqual(outcome, { kind: 'whole' })
        assert.deepEqual(await store.engine.get(extentKey(made.extent.id)), before)
      } else if (outcome?.kind === 'short') {
        // Two volumes at most can be out of four, and only where both cannot take a copy is there one too few.
        assert.notEqual(unwritable, 0)
        const row = await store.row(made.extent.id)
        assert(row !== undefined)
        for (const replica of right) {
          assert(row.replicas.some(each => each.volume === replica.volume))
        }
      } else {
        assert.equal(outcome?.kind, 'repaired')
        if (unreadable === 0) await requireWhole(store, made, 3)
      }

      // What was short or hidden by a disk that is back is made whole now.
      if (right.length > 0) {
        await repairExtent(store.work, made.extent.id)
        await requireWhole(store, made, 3)
      }
    }
  )

  await t.notThrowsAsync(fc.assert(property, { numRuns: 150 }))
})

test('a replica on a volume that has failed is replaced, and dropped once others suffice', async t => {
  const store = await openRepairStore(t)
  const made = await store.write(10_000, 2)
  const [failed, kept] = made.replicas
  assert(failed !== undefined && kept !== undefined)
  const volume = store.volumes.volumes.byNumber(failed.volume)
  assert(volume !== undefined)
  volume.state = 'failed'

  const outcome = await repairExtent(store.work, made.extent.id)

  t.like(outcome, { kind: 'repaired', copied: 1 })
  const row = await store.row(made.extent.id)
  t.false(row?.replicas.some(replica => replica.volume === failed.volume))
  await requireWhole(store, made, 2)
})

test('an extent whose only right replica is on a volume that has failed is copied from there', async t => {
  const store = await openRepairStore(t)
  const made = await store.write(10_000, 2)
  const [failed, damaged] = made.replicas
  assert(failed !== undefined && damaged !== undefined)
  const volume = store.volumes.volumes.byNumber(failed.volume)
  assert(volume !== undefined)
  volume.state = 'failed'
  await damage(store, damaged, 10_000, 'a bit of the payload', 0.5)

  const outcome = await repairExtent(store.work, made.extent.id)

  t.like(outcome, { kind: 'repaired', copied: 2 })
  await requireWhole(store, made, 2)
})

test('while no volume can take a copy nothing is given up, and the extent is said to be short', async t => {
  const store = await openRepairStore(t, { volumeCount: 2 })
  const made = await store.write(10_000, 2)
  const [failed] = made.replicas
  assert(failed !== undefined)
  const volume = store.volumes.volumes.byNumber(failed.volume)
  assert(volume !== undefined)
  volume.state = 'failed'

  const outcome = await repairExtent(store.work, made.extent.id)

  t.deepEqual(outcome, { kind: 'short', copied: 0, bytes: 0, missing: 1 })
  t.deepEqual((await store.row(made.extent.id))?.replicas, made.replicas)
  volume.state = 'active'
  t.deepEqual(await repairExtent(store.work, made.extent.id), { kind: 'whole' })
})

test('a damaged replica is renewed on its own volume where there is no other', async t => {
  const store = await openRepairStore(t, { volumeCount: 2 })
  const made = await store.write(100_000, 2)
  const [damaged] = made.replicas
  assert(damaged !== undefined)
  await damage(store, damaged, 100_000, 'a bit of the header', 0.2)

  t.like(await repairExtent(store.work, made.extent.id), { kind: 'repaired', copied: 1 })
  await requireWhole(store, made, 2)
})

test('an extent that is deleted while it is repaired stays deleted', async t => {
  const store = await openRepairStore(t)
  const made = await store.write(10_000, 2)
  const [damaged] = made.replicas
  assert(damaged !== undefined)
  await damage(store, damaged, 10_000, 'a missing segment', 0)
  const { writer } = store.work
  const racing = {
    ...store.work,
    writer: {
      copy: async (...plan: Parameters<typeof writer.copy>) => {
        const copies = await writer.copy(...plan)
        await store.engine.commit({ checks: [], puts: [], deletes: [extentKey(made.extent.id)] })
        return copies
      }
    }
  }

  t.deepEqual(await repairExtent(racing, made.extent.id), { kind: 'gone' })
  t.is(await store.row(made.extent.id), undefined)
  t.deepEqual(await repairExtent(store.work, made.extent.id), { kind: 'gone' })
})

test('a replica that compaction moves while it is repaired stays where it was moved to', async t => {
  const store = await openRepairStore(t)
  const made = await store.write(10_000, 2)
  const [damaged, right] = made.replicas
  assert(damaged !== undefined && right !== undefined)
  await damage(store, damaged, 10_000, 'a bit of the payload', 0.9)
  const { writer } = store.work
  const key = extentKey(made.extent.id)
  let moves = 0
  let movedTo: Place | undefined
  const racing = {
    ...store.work,
    writer: {
      copy: async (...plan: Parameters<typeof writer.copy>) => {
        const copies = await writer.copy(...plan)
        if (moves++ > 0) return copies
        // On its own volume, to another place: what the damaged one has, whole.
        const volumes = store.volumes.volumes.all().filter(({ number }) => number !== right.volume)
        const [moved] = await writer.copy(plan[0], { location: 'here', count: 1, taken: volumes })
        assert(moved !== undefined)
        movedTo = moved
        const row = await store.engine.get(key)
        assert(row !== undefined)
        const record = { ...decodeExtentRecord(row.value), replicas: [damaged, moved] }
        const value = encodeExtentRecord(record)
        await store.engine.commit({ checks: [], puts: [{ key, value }], deletes: [] })
        return copies
      }
    }
  }

  t.like(await repairExtent(racing, made.extent.id), { kind: 'repaired', copied: 1 })
  const row = await store.row(made.extent.id)
  assert(movedTo !== undefined)
  t.deepEqual(
    row?.replicas.find(({ volume }) => volume === right.volume),
    movedTo
  )
  t.is(moves, 2)
  await requireWhole(store, made, 2)
})

test('repairs of one extent at once leave it whole, whichever of them commits', async t => {
  const store = await openRepairStore(t, { volumeCount: 4 })
  const made = await store.write(50_000, 2)
  const [damaged] = made.replicas
  assert(damaged !== undefined)
  await damage(store, damaged, 50_000, 'a truncated segment', 0.4)

  const outcomes = await Promise.all(
    Array.from({ length: 4 }, () => repairExtent(store.work, made.extent.id))
  )

  t.is(outcomes.filter(outcome => outcome?.kind === 'repaired').length, 1)
  t.is(outcomes.filter(outcome => outcome?.kind === 'whole').length, 3)
  await requireWhole(store, made, 2)
})

test('nothing is given up for a replica whose volume is lost by then', async t => {
  const store = await openRepairStore(t, { volumeCount: 2, replicaCount: 1 })
  const { volumes, descriptions } = store.volumes
  const made = await store.write(1000, 2)
  const [first, second] = descriptions
  assert(first !== undefined && second !== undefined)
  await volumes.update([first, { ...second, recorded: 'draining' }])
  const { committer } = store.work
  const mutate = committer.mutate.bind(committer)
  committer.mutate = async (name, parameters) => {
    const { id, path, location, failureDomain } = first
    const value = encodeVolumeRecord({ id, path, location, failureDomain, state: 'lost' })
    await store.engine.commit({ checks: [], puts: [{ key: volumeKey(1), value }], deletes: [] })
    return mutate(name, parameters)
  }

  t.is(await repairExtent(store.work, made.extent.id), undefined)

  t.deepEqual((await store.row(made.extent.id))?.replicas, made.replicas)
})
