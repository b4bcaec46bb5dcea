// Uploads that are not completed in the time that their bucket's rules give them, over both engines, with a clock that the test moves.

import assert from 'node:assert/strict'
import test, { type ExecutionContext } from 'ava'
import type { Committer } from '../../src/metadata/committer.ts'
import { lifecycleKey, uploadIndexRange, uploadRange } from '../../src/metadata/keys.ts'
import { dayMs, LifecycleStore, ruleOf } from './lifecycle-store.ts'
import { bodyOf, makeHome, type EngineName } from './open-store.ts'

const bucket = 'bucket'
const options = { httpMetadata: {}, customMetadata: [], checksum: undefined }
const everything = {
  prefix: '',
  delimiter: '',
  keyMarker: '',
  uploadIdMarker: '',
  limit: 1000
}

async function open(t: ExecutionContext, engine: EngineName): Promise<LifecycleStore> {
  const home = await makeHome()
  const store = await LifecycleStore.open(home, engine)
  t.teardown(async () => {
    await store.open.close()
    await home.remove()
  })
  await store.open.store.createBucket(bucket, {})
  return store
}

async function begin({ open: { store } }: LifecycleStore, key: string) {
  const uploadId = await store.createUpload(bucket, key, options)
  const target = { bucket, key, uploadId }
  const body = bodyOf(Buffer.from('content of a part'))
  const part = await store.uploadPart({ ...target, partNumber: 1 }, body, { digests: [] })
  const complete = () =>
    store.completeUpload(target, {
      parts: [{ number: 1, etag: part.etag, checksums: {} }],
      checksums: {},
      requiresEvenParts: true
    })
  return { target, complete }
}

const uploads = async ({ open: { store } }: LifecycleStore): Promise<string[]> => {
  return (await store.listUploads(bucket, everything)).uploads.map(({ key }) => key)
}

for (const engine of ['rocksdb', 'classic-level'] as const) {
  test(`${engine}: an upload is aborted when the days of its bucket's rule are over`, async t => {
    const store = await open(t, engine)
    const { complete } = await begin(store, 'key')

    store.clock.now += 7 * dayMs - 1
    await begin(store, 'young')
    t.is((await store.round()).aborted, 0)
    t.deepEqual(await uploads(store), ['key', 'young'])
    store.clock.now += 1
    t.is((await store.round()).aborted, 1)
    t.deepEqual(await uploads(store), ['young'])
    await t.throwsAsync(complete(), { code: 'R2D_NO_SUCH_UPLOAD' })
    t.is(await store.rowCount(uploadIndexRange()), 1)
  })

  test(`${engine}: an upload stays where no rule is about its key, or none is left`, async t => {
    const store = await open(t, engine)
    await store.open.store.createBucket('other', {})
    await store.open.store.setBucketLifecycle('other', undefined)
    await store.open.store.createUpload('other', 'key', options)
    await store.open.store.setBucketLifecycle(bucket, [
      ruleOf({ id: 'a', prefix: 'tmp/', abortAge: 86_400 }),
      ruleOf({ id: 'b', abortAge: 3 * 86_400 }),
      ruleOf({ id: 'c', abortAge: 1, isEnabled: false })
    ])
    for (const key of ['tmp/a\0b', 'kept', 'tmp/c']) await begin(store, key)

    store.clock.now += dayMs
    t.is((await store.round()).aborted, 2)
    t.deepEqual(await uploads(store), ['kept'])
    store.clock.now += 2 * dayMs
    t.is((await store.round()).aborted, 1)
    t.is(await store.rowCount(uploadIndexRange()), 1)
  })

  test(`${engine}: an object that came in parts expires so long after it was completed`, async t => {
    const store = await open(t, engine)
    await store.open.store.setBucketLifecycle(bucket, [
      ruleOf({ expiration: { kind: 'age', seconds: 86_400 } })
    ])
    await store.round()
    const { complete } = await begin(store, 'key')
    store.clock.now += dayMs / 2

    const { expiration } = await complete()
    t.deepEqual(expiration, { ruleId: 'rule', time: store.clock.now + dayMs })
    const { id } = await store.record(bucket)
    t.deepEqual(await store.index(id), await store.expectedIndex(id))
    store.clock.now += dayMs - 1
    t.is((await store.round()).expired, 0)
    store.clock.now += 1
    t.is((await store.round()).expired, 1)
  })

  test(`${engine}: an upload that is completed, aborted, or in a bucket that is deleted leaves no index row`, async t => {
    const store = await open(t, engine)
    const [completed, aborted] = [await begin(store, 'a'), await begin(store, 'b')]
    await begin(store, 'c')
    t.is(await store.rowCount(uploadIndexRange()), 3)

    await completed.complete()
    t.is(await store.rowCount(uploadIndexRange()), 2)
    await store.open.store.abortUpload(aborted.target)
    t.is(await store.rowCount(uploadIndexRange()), 1)
    await store.open.store.delete(bucket, ['a'])
    await store.open.store.deleteBucket(bucket)
    t.is(await store.rowCount(uploadIndexRange()), 0)
  })
  test(`${engine}: no upload is aborted by rules that are others at its commit`, async t => {
    const store = await open(t, engine)
    for (const key of ['a', 'b']) await begin(store, key)
    store.clock.now += 7 * dayMs
    const { committer } = store.open.context
    let changedCount = 0
    // Somebody gives the bucket other rules just before the first abort is committed.
    const slow: Pick<Committer, 'mutate'> = {
      async mutate(name, parameters) {
        if (name === 'abortUpload' && changedCount++ === 0) {
          await store.open.store.setBucketLifecycle(bucket, [ruleOf({ abortAge: 30 * 86_400 })])
        }
        return committer.mutate(name, parameters)
      }
    }

    t.is((await store.round({ committer: slow })).aborted, 0)
    t.is(changedCount, 1)
    t.deepEqual(await uploads(store), ['a', 'b'])
    await store.open.store.setBucketLifecycle(bucket, [ruleOf({ abortAge: 86_400 })])
    t.is((await store.round()).aborted, 2)
  })

  test(`${engine}: an upload or rules that do not decode hold up no other upload`, async t => {
    const store = await open(t, engine)
    await store.open.store.createBucket('other', {})
    for (const key of ['a', 'b', 'c']) await begin(store, key)
    await store.open.store.createUpload('other', 'key', options)
    store.complaints = []
    const { id } = await store.record(bucket)
    const [damaged] = await store.rowKeys(uploadRange(id, Buffer.alloc(0)))
    assert(damaged !== undefined)
    await store.overwrite(damaged, Buffer.from([10, 1]))

    store.clock.now += 7 * dayMs
    t.is((await store.round()).aborted, 3)
    t.is(store.complaints.length, 1)
    await store.open.store.createUpload('other', 'key', options)
    await store.overwrite(lifecycleKey(id), Buffer.from([99]))
    store.clock.now += 7 * dayMs
    t.is((await store.round()).aborted, 1)
    t.is(store.complaints.length, 2)
  })
}
