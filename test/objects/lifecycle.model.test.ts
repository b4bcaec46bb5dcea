// The time index is exactly the objects of its bucket, whatever is done to them, and however often the work on it dies.
//
// Method: random writes, copies, deletes, changes of rules, rounds that die after some steps, and restarts, with a clock that moves. After
// each command the index is compared with the objects as far as the bucket's state promises. What a round took away must have been
// due; what is due must be gone after a round that was not interrupted.

import assert from 'node:assert/strict'
import test from 'ava'
import fc from 'fast-check'
import { R2dError } from '../../src/errors.ts'
import type { Committer } from '../../src/metadata/committer.ts'
import type { LifecycleRule } from '../../src/metadata/lifecycle-record.ts'
import { dayMs, days, LifecycleStore, ruleOf } from './lifecycle-store.ts'
import { makeHome, type EngineName } from './open-store.ts'

const bucket = 'bucket'
const keys = ['a', 'b', 'c', 'd/1', 'd/2', 'd/3', 'ü']
const ruleSets: Record<string, LifecycleRule[] | undefined> = {
  none: undefined,
  abort: [ruleOf({ abortAge: 86_400 })],
  disabled: [ruleOf({ isEnabled: false, expiration: days(1) })],
  expire: [ruleOf({ prefix: 'd/', expiration: days(2) })],
  transition: [ruleOf({ transition: days(1) })],
  past: [ruleOf({ id: '1', prefix: 'b', expiration: { kind: 'date', time: 0 } })]
}

const key = fc.constantFrom(...keys)
const command = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('put' as const), key }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('copy' as const), from: key, to: key }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('delete' as const),
      keys: fc.array(key, { minLength: 1, maxLength: 4 })
    })
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('rules' as const),
      rules: fc.constantFrom(...Object.keys(ruleSets))
    })
  },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('round' as const),
      steps: fc.option(fc.nat(4), { nil: Infinity }),
      stepSize: fc.integer({ min: 1, max: 4 })
    })
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('wait' as const),
      milliseconds: fc.constantFrom(1, 1000, dayMs / 2, dayMs)
    })
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('reopen' as const) }) }
)
type Command = typeof command extends fc.Arbitrary<infer T> ? T : never

async function checkIndex(store: LifecycleStore): Promise<void> {
  const { id, timeIndex } = await store.record(bucket)
  const found = await store.index(id)
  const expected = await store.expectedIndex(id)
  if (timeIndex === 'none') assert.deepEqual(found, [])
  if (timeIndex === 'ready') assert.deepEqual(found, expected)
  if (timeIndex === 'building') {
    assert.deepEqual(
      found.filter(row => !expected.includes(row)),
      [],
      'a row of an object that is not there'
    )
  }
}

class Model {
  /** Upload times. */
  readonly objects = new Map<string, number>()
  rules: LifecycleRule[] | undefined

  due(name: string, now: number): boolean {
    const uploaded = this.objects.get(name)
    assert(uploaded !== undefined)
    return (this.rules ?? []).some(({ isEnabled, prefix, expiration }) => {
      if (!isEnabled || expiration === undefined || !name.startsWith(prefix)) return false
      return expiration.kind === 'date' || uploaded + expiration.seconds * 1000 <= now
    })
  }
}

async function run(commands: Command[], engine: EngineName): Promise<void> {
  const home = await makeHome()
  const model = new Model()
  let store = await LifecycleStore.open(home, engine)
  await store.open.store.createBucket(bucket, {})

  const round = async (steps: number, stepSize: number): Promise<void> => {
    const { committer } = store.open.context
    let left = steps
    const dying: Pick<Committer, 'mutate'> = {
      mutate: (name, parameters) =>
        left-- > 0
          ? committer.mutate(name, parameters)
          : Promise.reject(new R2dError('R2D_UNAVAILABLE', 'killed'))
    }
    let isWhole = true
    try {
      await store.round({ committer: dying, stepSize })
    } catch (error) {
      assert(error instanceof R2dError)
      assert.equal(error.code, 'R2D_UNAVAILABLE')
      isWhole = false
    }

    const found = new Set(await store.keys(bucket))
    for (const name of model.objects.keys()) {
      const isDue = model.due(name, store.clock.now)
      if (!found.has(name)) assert(isDue, `${name} was deleted before its time`)
      if (isWhole) assert.equal(found.has(name), !isDue, `${name} is late`)
      if (!found.has(name)) model.objects.delete(name)
    }
  }

  const step = async (each: Command): Promise<void> => {
    switch (each.kind) {
      case 'put':
        await store.put(bucket, each.key)
        model.objects.set(each.key, store.clock.now)
        break
      case 'copy': {
        const copying = store.open.store.copy({
          sourceBucket: bucket,
          sourceKey: each.from,
          bucket,
          key: each.to
        })
        if (model.objects.has(each.from)) {
          await copying
          model.objects.set(each.to, store.clock.now)
        } else {
          await assert.rejects(copying, { code: 'R2D_NO_SUCH_KEY' })
        }
        break
      }
      case 'delete':
        await store.open.store.delete(bucket, each.keys)
        for (const name of each.keys) model.objects.delete(name)
        break
      case 'rules':
        model.rules = ruleSets[each.rules]
        await store.open.store.setBucketLifecycle(bucket, model.rules)
        break
      case 'round':
        await round(each.steps, each.stepSize)
        break
      case 'wait':
        store.clock.now += each.milliseconds
        break
      case 'reopen':
        await store.open.close()
        store = await LifecycleStore.open(home, engine, store.clock)
        break
    }
  }

  try {
    for (const each of commands) {
      await step(each)
      await checkIndex(store)
      assert.deepEqual(new Set(await store.keys(bucket)), new Set(model.objects.keys()))
    }

    model.rules = ruleSets['transition']
    await store.open.store.setBucketLifecycle(bucket, model.rules)
    await round(Infinity, 3)
    assert.equal((await store.record(bucket)).timeIndex, 'ready')
    await checkIndex(store)
  } finally {
    await store.open.close()
    await home.remove()
  }
}

for (const engine of ['rocksdb', 'classic-level'] as const) {
  test(`the time index over ${engine} is exactly the objects, whatever happens to them`, async t => {
    await t.notThrowsAsync(
      fc.assert(
        fc.asyncProperty(fc.array(command, { minLength: 10, maxLength: 60 }), async commands => {
          await run(commands, engine)
        }),
        { numRuns: Number(process.env['R2D_RUNS'] ?? 25) }
      )
    )
  })
}
