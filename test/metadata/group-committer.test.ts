// Group commit over both engines: a serial order, nothing of what failed, nothing lost after an answer.

import assert from 'node:assert/strict'
import test from 'ava'
import fc from 'fast-check'
import { openClassicLevel } from '../../src/metadata/classic-level.ts'
import type { Engine } from '../../src/metadata/engine.ts'
import { GroupCommitter } from '../../src/metadata/group-committer.ts'
import { ObjectSequences } from '../../src/metadata/object-sequences.ts'
import { openRocksDb } from '../../src/metadata/rocksdb.ts'
import type { Transaction } from '../../src/metadata/transaction.ts'
import { makeDirectory } from '../conformance/engine.ts'

interface Change {
  key: string
  /** Undefined deletes. */
  add: number | undefined
  fails: boolean
}

const key = (name: string): Buffer => Buffer.from(`c${name}`)

/** Adds to a counter, tells what it is then, and may fail after it has written. */
async function change(
  transaction: Transaction,
  { key: name, add, fails }: Change
): Promise<number> {
  const [row] = await transaction.getMany([key(name)])
  const value = row === undefined ? 0 : Number(row.value.toString())
  if (add === undefined) transaction.delete(key(name))
  else transaction.put(key(name), Buffer.from(String(value + add)))
  const seen = await transaction.get(key(name))
  assert.equal(seen?.value.toString(), add === undefined ? undefined : String(value + add))
  if (fails) throw new RangeError('refused')
  return value
}

const changes: fc.Arbitrary<Change[]> = fc.array(
  fc.record({
    key: fc.constantFrom('a', 'b', 'c'),
    add: fc.option(fc.integer({ min: 1, max: 9 }), { nil: undefined }),
    fails: fc.boolean()
  }),
  { maxLength: 60 }
)

const engines: [string, (path: string) => Promise<Engine>][] = [
  ['rocksdb', path => openRocksDb({ path })],
  ['classic-level', path => openClassicLevel({ path })]
]

for (const [name, open] of engines) {
  test(`${name}: mutations asked for at once have the outcome of one after the other`, async t => {
    const path = await makeDirectory(t)
    const engine = await open(path)
    const group = new GroupCommitter(engine, new ObjectSequences())
    const model = new Map<string, number>()
    const property = fc.asyncProperty(changes, async list => {
      const outcomes = await Promise.allSettled(list.map(each => group.run(change, each)))

      for (const [index, { key: name_, add, fails }] of list.entries()) {
        const outcome = outcomes[index]
        const before = model.get(name_) ?? 0
        assert.equal(outcome?.status, fails ? 'rejected' : 'fulfilled')
        if (fails) continue
        assert(outcome.status === 'fulfilled')
        assert.equal(outcome.value, before)
        if (add === undefined) model.delete(name_)
        else model.set(name_, before + add)
      }
      for (const each of ['a', 'b', 'c']) {
        const stored = await engine.get(key(each))
        assert.equal(stored?.value.toString(), model.get(each)?.toString())
      }
    })

    await t.notThrowsAsync(fc.assert(property, { numRuns: 30 }))
    await group.close()
    await engine[Symbol.asyncDispose]()
  })
}

test('what waits together is one commit of the engine', async t => {
  const engine = await openRocksDb({ path: await makeDirectory(t) })
  let commits = 0
  const counting: Engine = {
    name: engine.name,
    handle: engine.handle,
    get: each => engine.get(each),
    getMany: each => engine.getMany(each),
    scan: range => engine.scan(range),
    scanValues: range => engine.scanValues(range),
    commit: batch => {
      commits++
      return engine.commit(batch)
    },
    [Symbol.asyncDispose]: () => engine[Symbol.asyncDispose]()
  }
  const group = new GroupCommitter(counting, new ObjectSequences())

  await Promise.all(
    Array.from({ length: 500 }, (_, n) =>
      group.run(change, { key: String(n), add: 1, fails: false })
    )
  )

  t.true(commits <= 2, `${commits} commits`)
  await group.close()
  await engine[Symbol.asyncDispose]()
})

test('a commit that fails fails all of its group, and the next goes on from what is stored', async t => {
  const engine = await openRocksDb({ path: await makeDirectory(t) })
  let isBroken = true
  const failing: Engine = {
    name: engine.name,
    handle: engine.handle,
    get: each => engine.get(each),
    getMany: each => engine.getMany(each),
    scan: range => engine.scan(range),
    scanValues: range => engine.scanValues(range),
    commit: batch => (isBroken ? Promise.reject(new Error('EIO')) : engine.commit(batch)),
    [Symbol.asyncDispose]: () => engine[Symbol.asyncDispose]()
  }
  const group = new GroupCommitter(failing, new ObjectSequences())

  const outcomes = await Promise.allSettled([
    group.run(change, { key: 'a', add: 5, fails: false }),
    group.run(change, { key: 'b', add: 5, fails: true })
  ])
  isBroken = false

  t.deepEqual(
    outcomes.map(({ status }) => status),
    ['rejected', 'rejected']
  )
  t.is(await group.run(change, { key: 'a', add: 1, fails: false }), 0)
  await group.close()
  await engine[Symbol.asyncDispose]()
})
