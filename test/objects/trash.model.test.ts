// Undo against a model that remembers everything: whatever was done to a bucket that keeps what is deleted, puts, deletes, copies,
// restores and undos among it, an undo to any moment gives what was there then.
//
// Method: fast-check draws a run of operations. The clock moves before each; after each, the model notes what is there. Then
// undos to moments of the run, each of which is itself one more operation, some cut off in the middle and asked for again. The
// counts of references are recounted at the end, and again when the trash was let go of.

import assert from 'node:assert/strict'
import test from 'ava'
import fc from 'fast-check'
import { getTrashPolicy, restoreFromTrash, setTrashPolicy } from '../../src/objects/trash.ts'
import { assertExactReferences } from '../maintenance/recount.ts'
import { makeHome } from './open-store.ts'
import { TrashStore } from './trash-store.ts'

const keys = ['a/1', 'a/2', 'b/1', 'b/ü', 'c']
const prefixes = ['', 'a/', 'b/', 'c', 'b/u\u0308', 'none']
const key = fc.constantFrom(...keys)
const day = 86_400

type Operation =
  | { kind: 'put' | 'delete' | 'restore'; key: string }
  | { kind: 'copy'; key: string; source: string }
  | { kind: 'delete-all' }
  /** To a moment of the run, as a share of it. */
  | { kind: 'undo'; prefix: string; share: number; stepMax: number }

const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('put' as const), key }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('delete' as const), key }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restore' as const), key }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('copy' as const), key, source: key }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('delete-all' as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('undo' as const),
      prefix: fc.constantFrom(...prefixes),
      share: fc.double({ min: 0, max: 1, noNaN: true }),
      stepMax: fc.constantFrom(1, 2, 3, Infinity)
    })
  }
)

type Contents = Record<string, string>

class Run {
  readonly #store: TrashStore
  readonly #bucket: string
  /** What was there from each time on, in order. */
  readonly #history: { time: number; contents: Contents }[] = []
  #writes = 0

  constructor(store: TrashStore, bucket: string) {
    this.#store = store
    this.#bucket = bucket
    this.#history.push({ time: store.clock.now, contents: {} })
  }

  get #now(): Contents {
    return this.#history.at(-1)?.contents ?? {}
  }

  async do(operation: Operation, pauseMs: number): Promise<void> {
    this.#store.clock.now += pauseMs
    const contents = await this.#perform(operation)
    this.#history.push({ time: this.#store.clock.now, contents })
    assert.deepEqual(await this.#store.contents(this.#bucket), contents)
  }

  async #perform(operation: Operation): Promise<Contents> {
    const { store } = this.#store.open
    const [bucket, now] = [this.#bucket, this.#now]
    switch (operation.kind) {
      case 'put': {
        const content = `content ${this.#writes++}`
        await this.#store.put(bucket, operation.key, content)
        return { ...now, [operation.key]: content }
      }
      case 'delete':
        await store.delete(bucket, [operation.key])
        return without(now, each => each === operation.key)
      case 'delete-all':
        await store.delete(bucket, keys)
        return {}
      case 'copy': {
        const content = now[operation.source]
        if (content === undefined) return now
        const { key, source } = operation
        await store.copy({ sourceBucket: bucket, sourceKey: source, bucket, key })
        return { ...now, [key]: content }
      }
      case 'restore':
        return this.#restore(operation.key)
      case 'undo':
        return this.#undo(operation)
    }
  }

  /** The one that was removed last. */
  async #restore(key: string): Promise<Contents> {
    const found = (await this.#store.trash(this.#bucket, key)).filter(each => each.key === key)
    const last = found.at(-1)
    if (last === undefined) return this.#now
    const before = this.#history.findLast(({ time }) => time < last.removed && time >= last.since)
    await restoreFromTrash(this.#store.context, { bucket: this.#bucket, id: last.id })
    const content = before?.contents[key]
    assert(content !== undefined, 'What is in the trash was there')
    return { ...this.#now, [key]: content }
  }

  async #undo({ prefix, share, stepMax }: Extract<Operation, { kind: 'undo' }>): Promise<Contents> {
    const moment = this.#history[Math.floor(share * (this.#history.length - 1))]
    assert(moment !== undefined)
    const { time: asOf, contents } = moment
    if (stepMax !== Infinity) {
      await this.#store.undo(this.#bucket, prefix, asOf, { stepMax })
      this.#store.clock.now++
    }
    await this.#store.undo(this.#bucket, prefix, asOf)
    const again = await this.#store.undo(this.#bucket, prefix, asOf)
    assert.deepEqual(again, { restored: 0, removed: 0 }, 'Asked for twice, nothing is left to do')

    const wanted = prefix.normalize('NFC')
    return {
      ...without(this.#now, each => each.startsWith(wanted)),
      ...without(contents, each => !each.startsWith(wanted))
    }
  }
}

function without(contents: Contents, isOut: (key: string) => boolean): Contents {
  return Object.fromEntries(Object.entries(contents).filter(([key]) => !isOut(key)))
}

test('an undo to any moment gives what was there, whatever was done before and since', async t => {
  t.timeout(300_000)
  const home = await makeHome()
  t.teardown(() => home.remove())
  const store = await TrashStore.open(home)
  let number = 0

  const steps = fc.array(fc.tuple(operation, fc.integer({ min: 1, max: 3_600_000 })), {
    minLength: 5,
    maxLength: 25
  })
  const property = fc.asyncProperty(steps, async steps => {
    const bucket = `bucket-${number++}`
    await store.open.store.createBucket(bucket, {})
    await setTrashPolicy(store.context, bucket, { mode: 'keep', seconds: 30 * day })
    const run = new Run(store, bucket)
    for (const [operation, pauseMs] of steps) await run.do(operation, pauseMs)
    for (const share of [0, 0.3, 0.7, 1, 0.5]) {
      await run.do({ kind: 'undo', prefix: '', share, stepMax: Infinity }, 1000)
    }

    await assertExactReferences(store.open.context.metadata)
    const { objects, bytes } = await getTrashPolicy(store.context, bucket)
    const trash = await store.trash(bucket)
    assert.equal(objects, trash.length)
    assert.equal(
      bytes,
      trash.reduce((sum, { size }) => sum + size, 0)
    )
    assert.equal(await store.empty(bucket), objects)
    assert.deepEqual(await store.trash(bucket), [])
    await assertExactReferences(store.open.context.metadata)
  })

  await t.notThrowsAsync(
    fc.assert(property, { numRuns: Number(process.env['R2D_UNDO_RUNS'] ?? 40) })
  )
  await store.open.close()
})
