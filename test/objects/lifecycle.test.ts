// Lifecycle rules carried out over both engines, with a clock that the test moves.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import test, { type ExecutionContext } from 'ava'
import { R2dError } from '../../src/errors.ts'
import type { Committer } from '../../src/metadata/committer.ts'
import { lifecycleProgressRange, objectKey, objectRange } from '../../src/metadata/keys.ts'
import { defaultLifecycle, type LifecycleRule } from '../../src/metadata/lifecycle-record.ts'
import { dayMs, days, LifecycleStore, ruleOf } from './lifecycle-store.ts'
import { bodyOf, makeHome, plain, readAll, type EngineName } from './open-store.ts'

const bucket = 'bucket'

async function open(
  t: ExecutionContext,
  engine: EngineName,
  rules?: LifecycleRule[]
): Promise<LifecycleStore> {
  const home = await makeHome()
  const store = await LifecycleStore.open(home, engine)
  t.teardown(async () => {
    await store.open.close()
    await home.remove()
  })
  await store.open.store.createBucket(bucket, {})
  if (rules !== undefined) await store.open.store.setBucketLifecycle(bucket, rules)
  return store
}

for (const engine of ['rocksdb', 'classic-level'] as const) {
  test(`${engine}: a new bucket aborts uploads after seven days, and has no time index`, async t => {
    const store = await open(t, engine)

    t.deepEqual(await store.open.store.getBucketLifecycle(bucket), [...defaultLifecycle])
    await store.put(bucket, 'key')
    const { id, timeIndex } = await store.record(bucket)
    t.is(timeIndex, 'none')
    t.deepEqual(await store.index(id), [])
    t.is(await store.rowCount(lifecycleProgressRange()), 0)
    await store.open.store.setBucketLifecycle(bucket, undefined)
    t.is(await store.open.store.getBucketLifecycle(bucket), undefined)
  })

  test(`${engine}: an object expires when its days are over, to the millisecond`, async t => {
    const store = await open(t, engine, [ruleOf({ prefix: 'logs/', expiration: days(1) })])
    await store.put(bucket, 'logs/1')
    await store.put(bucket, 'other')
    const start = store.clock.now

    store.clock.now = start + dayMs - 1
    t.is((await store.round()).expired, 0)
    t.deepEqual(await store.keys(bucket), ['logs/1', 'other'])
    store.clock.now = start + dayMs
    t.is((await store.round()).expired, 1)
    t.deepEqual(await store.keys(bucket), ['other'])
  })

  test(`${engine}: an object whose row does not decode holds up no other`, async t => {
    const rule = ruleOf({ expiration: days(2) })
    const store = await open(t, engine)
    store.complaints = []
    for (const key of ['a', 'b', 'c', 'd']) await store.put(bucket, key)
    const { id } = await store.record(bucket)
    const damage = (key: string) => {
      return store.overwrite(objectKey(id, Buffer.from(key)), Buffer.from([6, 1, 0]))
    }

    await damage('b')
    await store.open.store.setBucketLifecycle(bucket, [rule])
    await store.round({ stepSize: 1 })
    t.is((await store.index(id)).length, 3)
    t.is(store.complaints.length, 1)
    await damage('c')
    store.clock.now += 2 * dayMs
    t.is((await store.round()).expired, 2)
    t.is(store.complaints.length, 2)
    t.is(await store.rowCount(objectRange(id, Buffer.alloc(0))), 2)
  })

  test(`${engine}: what is written again starts anew`, async t => {
    const store = await open(t, engine, [ruleOf({ expiration: days(2) })])
    await store.put(bucket, 'rewritten')
    await store.put(bucket, 'source')
    store.clock.now += dayMs
    await store.put(bucket, 'rewritten')
    const from = { sourceBucket: bucket, sourceKey: 'source' }
    await store.open.store.copy({ ...from, bucket, key: 'copy' })

    store.clock.now += dayMs
    await store.round()
    t.deepEqual(await store.keys(bucket), ['copy', 'rewritten'])
    store.clock.now += dayMs
    await store.round()
    t.deepEqual(await store.keys(bucket), [])
  })

  test(`${engine}: rules act on the objects that are already there`, async t => {
    const store = await open(t, engine)
    const keys = Array.from({ length: 700 }, (_, n) => `k${String(n).padStart(3, '0')}`)
    await Promise.all(keys.map(key => store.put(bucket, key)))
    store.clock.now += 3 * dayMs
    await store.put(bucket, 'young')

    await store.open.store.setBucketLifecycle(bucket, [ruleOf({ expiration: days(3) })])
    const figures = await store.round()

    t.like(figures, { indexed: 701, expired: 700 })
    t.deepEqual(await store.keys(bucket), ['young'])
  })

  test(`${engine}: a round looks at what became due since the last one, and at nothing else`, async t => {
    const rules = [
      ruleOf({ id: 'a', expiration: days(10) }),
      ruleOf({ id: 'b', transition: days(5) })
    ]
    const store = await open(t, engine, rules)
    for (let day = 0; day < 3; day++) {
      await Promise.all(Array.from({ length: 100 }, (_, n) => store.put(bucket, `${day}/${n}`)))
      store.clock.now += dayMs
    }

    t.is((await store.round()).visited, 0)
    store.clock.now += 2 * dayMs
    t.like(await store.round(), { visited: 100, transitioned: 100, expired: 0 })
    t.is((await store.round()).visited, 0)
    store.clock.now += 5 * dayMs
    // The other 200 are transitioned, the first 100 expire: each is visited once for each of the two ages.
    t.like(await store.round(), { visited: 300, transitioned: 200, expired: 100 })
    t.is((await store.round()).visited, 0)
  })

  test(`${engine}: a transition changes the storage class and nothing else, and needs no key`, async t => {
    const store = await open(t, engine, [ruleOf({ transition: days(30) })])
    const content = randomBytes(300_000)
    const customerKey = randomBytes(32)
    const put = (key: string, extra: object) =>
      store.open.store.put(bucket, key, bodyOf(content), { ...plain, ...extra })
    await put('plain', { customMetadata: [['color', 'blue']] })
    await put('sealed', { customerKey })
    const before = await store.open.store.head(bucket, 'plain', {})

    store.clock.now += 30 * dayMs
    t.is((await store.round()).transitioned, 2)

    const after = await store.open.store.head(bucket, 'plain', {})
    t.is(after.info.storageClass, 'STANDARD_IA')
    t.deepEqual({ ...after.info, storageClass: 'STANDARD' }, before.info)
    for (const [key, options] of [
      ['plain', {}],
      ['sealed', { customerKey }]
    ] as const) {
      const got = await store.open.store.get(bucket, key, options)
      assert(got.kind === 'object')
      t.is(got.info.storageClass, 'STANDARD_IA')
      t.true(content.equals(await readAll(got.body)))
    }
    t.is((await store.round()).transitioned, 0)
  })

  test(`${engine}: a transition that an expiry follows within a day is not done`, async t => {
    const rules = [
      ruleOf({ id: 'a', prefix: 'short/', expiration: { kind: 'age', seconds: 2 * 86_400 - 1 } }),
      ruleOf({ id: 'b', prefix: 'long/', expiration: days(2) }),
      ruleOf({ id: 'c', transition: days(1) })
    ]
    const store = await open(t, engine, rules)
    await store.put(bucket, 'short/k')
    await store.put(bucket, 'long/k')

    store.clock.now += dayMs
    t.is((await store.round()).transitioned, 1)
    t.is((await store.open.store.head(bucket, 'short/k', {})).info.storageClass, 'STANDARD')
    t.is((await store.open.store.head(bucket, 'long/k', {})).info.storageClass, 'STANDARD_IA')
    store.clock.now += dayMs - 1000
    await store.round()
    t.deepEqual(await store.keys(bucket), ['long/k'])
  })

  test(`${engine}: a date expires what was there before it and what comes after it`, async t => {
    const store = await open(t, engine)
    const date = store.clock.now + dayMs
    const rule = ruleOf({ prefix: 'old/', expiration: { kind: 'date', time: date } })
    await store.open.store.setBucketLifecycle(bucket, [rule])
    await store.put(bucket, 'old/before')
    await store.put(bucket, 'kept')

    store.clock.now = date - 1
    t.is((await store.round()).expired, 0)
    store.clock.now = date
    t.is((await store.round()).expired, 1)
    store.clock.now += dayMs
    await store.put(bucket, 'old/after')
    t.is((await store.round()).expired, 1)
    // A write that took its time before the round and was committed behind it.
    store.clock.now -= 60_000
    await store.put(bucket, 'old/late')
    store.clock.now += 120_000
    t.is((await store.round()).expired, 1)
    t.deepEqual(await store.keys(bucket), ['kept'])
  })

  test(`${engine}: a clock that was set back leaves no object behind`, async t => {
    const rule = ruleOf({ expiration: { kind: 'date', time: 0 } })
    const store = await open(t, engine, [rule])
    await store.put(bucket, 'a')
    t.is((await store.round()).expired, 1)

    store.clock.now -= 365 * dayMs
    await store.put(bucket, 'b')
    await store.round()
    t.deepEqual(await store.keys(bucket), [])
  })

  test(`${engine}: nothing is deleted by a rule that was replaced while the round was under way`, async t => {
    const store = await open(t, engine, [ruleOf({ expiration: days(1) })])
    await store.round()
    await store.put(bucket, 'key')
    store.clock.now += dayMs
    const { committer } = store.open.context
    const late: Pick<Committer, 'mutate'> = {
      mutate: async (name, parameters) => {
        await store.open.store.setBucketLifecycle(bucket, [ruleOf({ expiration: days(5) })])
        return committer.mutate(name, parameters)
      }
    }

    t.is((await store.round({ committer: late })).expired, 0)
    t.deepEqual(await store.keys(bucket), ['key'])
    store.clock.now += 4 * dayMs
    t.is((await store.round()).expired, 1)
  })

  test(`${engine}: an object that is replaced while the round is under way stays`, async t => {
    const store = await open(t, engine, [ruleOf({ expiration: days(1) })])
    await store.round()
    await store.put(bucket, 'key')
    store.clock.now += dayMs
    const { committer } = store.open.context
    const late: Pick<Committer, 'mutate'> = {
      mutate: async (name, parameters) => {
        await store.put(bucket, 'key', 'younger')
        return committer.mutate(name, parameters)
      }
    }

    t.is((await store.round({ committer: late })).expired, 0)
    t.deepEqual(await store.keys(bucket), ['key'])
  })

  test(`${engine}: rules that are disabled or gone do nothing, and their index is given up`, async t => {
    const store = await open(t, engine, [ruleOf({ expiration: days(1) })])
    await store.put(bucket, 'key')
    await store.round()
    const { id } = await store.record(bucket)
    t.is((await store.index(id)).length, 1)

    await store.open.store.setBucketLifecycle(bucket, [
      ruleOf({ expiration: days(1), isEnabled: false })
    ])
    store.clock.now += 2 * dayMs
    t.is((await store.round()).expired, 0)
    t.deepEqual(await store.index(id), [])
    t.is((await store.record(bucket)).timeIndex, 'none')
    t.is(await store.rowCount(lifecycleProgressRange()), 0)
  })

  test(`${engine}: an index that is wanted again while it is cleared is built anew`, async t => {
    const store = await open(t, engine, [ruleOf({ expiration: days(9) })])
    await store.round()
    await Promise.all(Array.from({ length: 600 }, (_, n) => store.put(bucket, `k${n}`)))
    const { id } = await store.record(bucket)
    await store.open.store.setBucketLifecycle(bucket, undefined)
    await interrupted(store, 1)
    t.is((await store.index(id)).length, 600 - 256)
    await store.open.store.delete(bucket, ['k7', 'k500'])

    await store.open.store.setBucketLifecycle(bucket, [ruleOf({ expiration: days(9) })])
    t.is((await store.record(bucket)).timeIndex, 'clearing')
    await store.round()

    t.is((await store.record(bucket)).timeIndex, 'ready')
    t.deepEqual(await store.index(id), await store.expectedIndex(id))
  })

  test(`${engine}: what is left of the index of a bucket that was deleted goes, too`, async t => {
    const store = await open(t, engine, [ruleOf({ expiration: days(9) })])
    await store.put(bucket, 'key')
    await store.round()
    const { id } = await store.record(bucket)
    await store.open.store.setBucketLifecycle(bucket, undefined)
    await store.open.store.delete(bucket, ['key'])
    await store.open.store.deleteBucket(bucket)
    await store.open.store.createBucket(bucket, {})
    t.is((await store.index(id)).length, 1)

    await store.round()

    t.deepEqual(await store.index(id), [])
    t.is(await store.rowCount(lifecycleProgressRange()), 0)
    t.deepEqual(await store.open.store.getBucketLifecycle(bucket), [...defaultLifecycle])
  })

  test(`${engine}: an object's info says when it expires, by the first of its rules`, async t => {
    const store = await open(t, engine, [
      ruleOf({ id: 'slow', expiration: days(10) }),
      ruleOf({ id: 'fast', prefix: 'tmp/', expiration: days(2) })
    ])
    const start = store.clock.now
    const info = await store.open.store.put(bucket, 'tmp/é', bodyOf(Buffer.from('x')), plain)

    t.deepEqual(info.expiration, { ruleId: 'fast', time: start + 2 * dayMs })
    const other = await store.open.store.put(bucket, 'other', bodyOf(Buffer.from('x')), plain)
    t.deepEqual(other.expiration, { ruleId: 'slow', time: start + 10 * dayMs })
    await store.open.store.setBucketLifecycle(bucket, undefined)
    t.is((await store.open.store.head(bucket, 'tmp/é', {})).info.expiration, undefined)
  })
}

/** A round whose process dies when it has done so many steps. */
async function interrupted(store: LifecycleStore, stepCount: number): Promise<void> {
  const { committer } = store.open.context
  let left = stepCount
  const dying: Pick<Committer, 'mutate'> = {
    mutate: (name, parameters) => {
      if (left-- === 0) return Promise.reject(new R2dError('R2D_UNAVAILABLE', 'killed'))
      return committer.mutate(name, parameters)
    }
  }
  await assert.rejects(store.round({ committer: dying }), { code: 'R2D_UNAVAILABLE' })
}
