// DeleteBucket beside writes, and where it does not get to its end: nothing acknowledged is lost, and nobody is kept from writing.

import assert from 'node:assert/strict'
import { setImmediate as nextTurn } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import { R2dError } from '../../src/errors.ts'
import type { Committer } from '../../src/metadata/committer.ts'
import { createObjectStore } from '../../src/objects/object-store.ts'
import { bodyOf, makeHome, openTestStore, plain, type EngineName } from './open-store.ts'

const bucket = 'bucket'
const everything = { prefix: '', delimiter: '', startAfter: '', limit: 1000 }

async function open(t: ExecutionContext, engine: EngineName) {
  const home = await makeHome()
  const opened = await openTestStore(home, engine)
  t.teardown(async () => {
    await opened.close()
    await home.remove()
  })
  await opened.store.createBucket(bucket, {})
  return opened
}

/** Some turns of the loop later, so that the two meet at another place each time. */
async function after<T>(turnCount: number, work: () => Promise<T>): Promise<T> {
  for (let turn = 0; turn < turnCount * turnCount; turn++) await nextTurn()
  return work()
}

for (const engine of ['rocksdb', 'classic-level'] as const) {
  test(`${engine}: a DeleteBucket that fails behind its mark keeps nobody from writing`, async t => {
    const { store, context } = await open(t, engine)
    const { committer } = context
    const failing: Committer = {
      mutate: (name, parameters) =>
        name === 'removeBucket'
          ? Promise.reject(new R2dError('R2D_UNAVAILABLE', 'The commit service is restarting'))
          : committer.mutate(name, parameters),
      mutateWithExtent: (name, parameters, pending) =>
        committer.mutateWithExtent(name, parameters, pending)
    }
    const broken = createObjectStore({ ...context, committer: failing })

    await t.throwsAsync(broken.deleteBucket(bucket), { code: 'R2D_UNAVAILABLE' })
    await store.put(bucket, 'key', bodyOf(Buffer.from('content')), plain)
    await t.throwsAsync(store.deleteBucket(bucket), { code: 'R2D_BUCKET_NOT_EMPTY' })
    await store.delete(bucket, ['key'])
    await store.setBucketCors(bucket, undefined)
    await store.deleteBucket(bucket)
    await t.throwsAsync(store.headBucket(bucket), { code: 'R2D_NO_SUCH_BUCKET' })
  })

  test(`${engine}: of a DeleteBucket and the writes beside it, what is acknowledged is there`, async t => {
    const { store } = await open(t, engine)
    let [deleted, kept] = [0, 0]
    for (let round = 0; round < 60; round++) {
      const write = (key: string) => store.put(bucket, key, bodyOf(Buffer.from(key)), plain)
      const [first, removal, second] = await Promise.allSettled([
        round % 2 === 0 ? write('a') : store.delete(bucket, ['a']),
        after(round % 8, () => store.deleteBucket(bucket)),
        round % 3 === 0 ? Promise.reject(new Error('none')) : write('b')
      ])

      if (removal.status === 'fulfilled') {
        deleted++
        // What was written before it would have kept the bucket; what came after had no bucket.
        const written = round % 2 === 0 ? [first, second] : [second]
        assert(written.every(({ status }) => status === 'rejected'))
        await store.createBucket(bucket, {})
      } else {
        kept++
        assert.equal((removal.reason as R2dError).code, 'R2D_BUCKET_NOT_EMPTY')
      }
      const keys = (await store.list(bucket, everything)).objects.map(({ key }) => key)
      const written = [round % 2 === 0 ? first : undefined, second]
      const expected = ['a', 'b'].filter((_, index) => written[index]?.status === 'fulfilled')
      t.deepEqual(keys, expected)
      await store.delete(bucket, ['a', 'b'])
    }
    t.log(`${deleted} deleted, ${kept} kept`)
    t.true(deleted > 0 && kept > 0)
  })
}
