// Trash: what a bucket keeps, for how long, and who may be in its way.

import test, { type ExecutionContext } from 'ava'
import { getTrashPolicy, restoreFromTrash, setTrashPolicy } from '../../src/objects/trash.ts'
import { objectRange, trashRange } from '../../src/metadata/keys.ts'
import { runLifecycleRound } from '../../src/objects/lifecycle-work.ts'
import { assertExactReferences } from '../maintenance/recount.ts'
import { bodyOf, makeHome, plain, readAll } from './open-store.ts'
import { days, ruleOf } from './lifecycle-store.ts'
import { TrashStore } from './trash-store.ts'

const hour = 3_600_000
const day = 86_400
const bucket = 'bucket'

async function open(t: ExecutionContext, seconds = day): Promise<TrashStore> {
  const home = await makeHome()
  const store = await TrashStore.open(home)
  t.teardown(async () => {
    await store.open.close()
    await home.remove()
  })
  await store.open.store.createBucket(bucket, {})
  await setTrashPolicy(store.context, bucket, { mode: 'keep', seconds })
  return store
}

test('what was deleted is in the trash for the window of its bucket, then let go of', async t => {
  const store = await open(t)
  await store.put(bucket, 'k', 'content')
  store.clock.now += hour
  await store.open.store.delete(bucket, ['k'])
  const [found] = await store.trash(bucket)
  t.like(found, { key: 'k', size: 7, cause: 'deleted', removed: store.clock.now })
  t.is(found?.expires, store.clock.now + day * 1000)
  t.like(await getTrashPolicy(store.context, bucket), { objects: 1, bytes: 7 })

  store.clock.now += day * 1000 - 1
  t.deepEqual(await store.round(), { objects: 0, bytes: 0 })
  store.clock.now++
  t.deepEqual(await store.round(), { objects: 1, bytes: 7 })
  t.deepEqual(await store.trash(bucket), [])
  t.like(await getTrashPolicy(store.context, bucket), { objects: 0, bytes: 0 })
  const { discards } = await assertExactReferences(store.open.context.metadata)
  t.is(discards, 1)
})

test('a bucket that keeps nothing, and one that is to destroy keys, has no trash', async t => {
  const store = await open(t)
  await store.put(bucket, 'k', 'content')
  await store.open.store.delete(bucket, ['k'])

  // What is there stays for its window when the bucket ceases to keep more.
  await setTrashPolicy(store.context, bucket, { mode: 'off', seconds: 0 })
  await store.put(bucket, 'l', 'content')
  await store.open.store.delete(bucket, ['l'])
  await store.round()
  t.deepEqual(
    (await store.trash(bucket)).map(({ key }) => key),
    ['k']
  )

  await setTrashPolicy(store.context, bucket, { mode: 'shred', seconds: 0 })
  t.deepEqual(await store.round(), { objects: 1, bytes: 7 })
  await store.put(bucket, 'm', 'content')
  await store.put(bucket, 'm', 'other')
  t.deepEqual(await store.trash(bucket), [])
  await t.throwsAsync(setTrashPolicy(store.context, bucket, { mode: 'keep', seconds: day }), {
    code: 'R2D_PRECONDITION_FAILED'
  })
  await t.throwsAsync(store.undo(bucket, '', store.clock.now), { code: 'R2D_PRECONDITION_FAILED' })
  await store.open.store.delete(bucket, ['m'])
  await store.open.store.deleteBucket(bucket)
})

test('a bucket with trash is not deleted, and is once the trash is empty', async t => {
  const store = await open(t)
  await store.put(bucket, 'a/k', 'content')
  await store.put(bucket, 'b/k', 'content')
  await store.open.store.delete(bucket, ['a/k', 'b/k'])

  const refused = await t.throwsAsync(store.open.store.deleteBucket(bucket), {
    code: 'R2D_BUCKET_NOT_EMPTY'
  })
  t.regex(refused.message, /keeps deleted objects/)
  t.is(await store.empty(bucket, 'a/'), 1)
  await t.throwsAsync(store.open.store.deleteBucket(bucket), { code: 'R2D_BUCKET_NOT_EMPTY' })
  t.is(await store.empty(bucket), 1)
  await store.open.store.deleteBucket(bucket)
  t.deepEqual(await store.round(), { objects: 0, bytes: 0 })
})

test('an undo goes back no further than what was kept, and keeps away from what came after it began', async t => {
  const store = await open(t)
  const { since } = await getTrashPolicy(store.context, bucket)
  await t.throwsAsync(store.undo(bucket, '', since - 1), { code: 'R2D_PRECONDITION_FAILED' })
  await t.throwsAsync(store.undo(bucket, '', since + 1), { code: 'R2D_PRECONDITION_FAILED' })
  await store.undo(bucket, '', since)

  store.clock.now += hour
  await store.put(bucket, 'new', 'content')
  t.deepEqual(await store.undo(bucket, '', since, { isDry: true }), { restored: 0, removed: 1 })
  t.deepEqual(await store.contents(bucket), { new: 'content' })
  t.deepEqual(await store.undo(bucket, '', since), { restored: 0, removed: 1 })
  t.deepEqual(await store.contents(bucket), {})
  t.like((await store.trash(bucket))[0], { key: 'new', cause: 'undone' })

  store.clock.now += day * 1000
  await t.throwsAsync(store.undo(bucket, '', since), { code: 'R2D_PRECONDITION_FAILED' })
})

test('an object under a customer key comes back without the key, and opens with it', async t => {
  const store = await open(t)
  const customerKey = Buffer.alloc(32, 7)
  const content = Buffer.alloc(5_000_000, 'c')
  await store.open.store.put(bucket, 'k', bodyOf(content), { ...plain, customerKey })
  await store.open.store.delete(bucket, ['k'])
  const [found] = await store.trash(bucket)
  await restoreFromTrash(store.context, { bucket, id: found?.id ?? '' })

  const got = await store.open.store.get(bucket, 'k', { customerKey })
  if (got.kind !== 'object') throw new Error('It is not there')
  t.true((await readAll(got.body)).equals(content))
  await assertExactReferences(store.open.context.metadata)
  await t.throwsAsync(restoreFromTrash(store.context, { bucket, id: '1-00' }), {
    code: 'R2D_NO_SUCH_KEY'
  })
})

test('what a lifecycle rule expires goes to the trash, and is not expired again as soon as it is back', async t => {
  const store = await open(t, 30 * day)
  const { context } = store.open
  await store.open.store.setBucketLifecycle(bucket, [ruleOf({ expiration: days(2) })])
  await store.put(bucket, 'k', 'content')
  const round = () =>
    runLifecycleRound({
      ...store.context,
      signal: new AbortController().signal,
      onError: (_, error) => {
        throw new Error('A round failed', { cause: error })
      }
    })
  await round()
  store.clock.now += 3 * day * 1000
  t.is((await round()).expired, 1)
  const [found] = await store.trash(bucket)
  t.is(found?.cause, 'expired')

  await restoreFromTrash(store.context, { bucket, id: found?.id ?? '' })
  t.is((await round()).expired, 0)
  t.deepEqual(await store.contents(bucket), { k: 'content' })
  store.clock.now += 3 * day * 1000
  t.is((await round()).expired, 1)
  t.deepEqual(await store.contents(bucket), {})
  const { record } = await context.buckets.open(bucket)
  await using objects = context.metadata.scan(objectRange(record.id, Buffer.alloc(0)))
  t.is((await objects.read(10)).length, 0)
  await using trash = context.metadata.scan(trashRange(record.id))
  t.is((await trash.read(10)).length, 2)
})

test('a clock that was set back ends nothing before it began', async t => {
  const store = await open(t)
  store.clock.now += hour
  await store.put(bucket, 'k', 'first')
  store.clock.now -= hour / 2
  await store.put(bucket, 'k', 'second')
  const [found] = await store.trash(bucket)
  t.is(found?.removed, found?.since)
  t.deepEqual(await store.contents(bucket), { k: 'second' })
})

test('a version that is brought back and let go of twice within a millisecond is released as often', async t => {
  const store = await open(t)
  const { context } = store.open
  await store.put(bucket, 'k', 'content')
  await store.open.store.delete(bucket, ['k'])
  const [found] = await store.trash(bucket)
  const id = found?.id ?? ''
  await setTrashPolicy(store.context, bucket, { mode: 'off', seconds: 0 })
  for (let n = 0; n < 3; n++) {
    await restoreFromTrash(store.context, { bucket, id })
    await store.open.store.delete(bucket, ['k'])
  }

  t.is((await assertExactReferences(context.metadata)).discards, 3)
})
