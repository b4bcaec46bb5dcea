// What CompleteMultipartUpload is told of a part is compared with the part, not with what happens to be known of it.

import test from 'ava'
import { bodyOf, makeHome, openTestStore } from './open-store.ts'

const bucket = 'bucket'
const key = 'key'

test('a part that is named with a checksum of an algorithm that it does not have is none of the parts', async t => {
  const home = await makeHome()
  const { store, close } = await openTestStore(home, 'rocksdb')
  t.teardown(async () => {
    await close()
    await home.remove()
  })
  await store.createBucket(bucket, {})
  const uploadId = await store.createUpload(bucket, key, {
    httpMetadata: {},
    customMetadata: [],
    checksum: { name: 'crc32', isComposite: true }
  })
  const target = { bucket, key, uploadId }
  const body = bodyOf(Buffer.from('content of a part'))
  const { etag, checksums } = await store.uploadPart({ ...target, partNumber: 1 }, body, {
    digests: []
  })
  const complete = (given: typeof checksums) =>
    store.completeUpload(target, {
      parts: [{ number: 1, etag, checksums: given }],
      checksums: {},
      requiresEvenParts: true
    })

  t.deepEqual(Object.keys(checksums), ['crc32'])
  const other = { crc32c: Buffer.alloc(4), sha256: Buffer.alloc(32) }
  await t.throwsAsync(complete({ ...checksums, ...other }), { code: 'R2D_INVALID_PART' })
  await t.throwsAsync(complete({ crc32: Buffer.alloc(4) }), { code: 'R2D_INVALID_PART' })
  t.is((await complete(checksums)).etag.slice(-2), '-1')
})
