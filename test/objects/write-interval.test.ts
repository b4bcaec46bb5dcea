// A key that may be written once a second: by the store's clock, decided in the commit.

import test from 'ava'
import { bodyOf, makeHome, openTestStore, plain } from './open-store.ts'

test('a write that comes too soon after the last is refused, and leaves that as it is', async t => {
  const home = await makeHome()
  const { store, context, close } = await openTestStore(home, 'rocksdb')
  t.teardown(async () => {
    await close()
    await home.remove()
  })
  let now = Date.now()
  context.now = () => now
  await store.createBucket('bucket', {})
  const paced = { ...plain, minIntervalMs: 1000 }
  const put = (key: string, options = paced) => {
    return store.put('bucket', key, bodyOf(Buffer.from(String(now))), options)
  }
  const copy = (key: string) => {
    const source = { sourceBucket: 'bucket', sourceKey: 'k' }
    return store.copy({ ...source, bucket: 'bucket', key, minIntervalMs: 1000 })
  }
  const tooMany = { code: 'R2D_TOO_MANY_WRITES' }

  const outcomes = await Promise.allSettled([put('k'), put('k'), put('k'), put('k')])
  t.is(outcomes.filter(({ status }) => status === 'fulfilled').length, 1)
  const { versionId } = await store.stat('bucket', 'k')
  now += 999
  await t.throwsAsync(put('k'), tooMany)
  await t.throwsAsync(copy('k'), tooMany)
  t.is((await store.stat('bucket', 'k')).versionId, versionId)
  // Each key has a second of its own, a delete is no write, and who does not ask for it is not held up.
  await copy('other')
  await put('k', { ...plain, minIntervalMs: 0 })
  now += 1000
  await put('k')
  await store.delete('bucket', ['k'])
  await put('k')
})
