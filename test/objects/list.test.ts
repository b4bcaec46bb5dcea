import assert from 'node:assert/strict'
import { join } from 'node:path'
import test from 'ava'
import { normalizeKey, objectKey } from '../../src/metadata/keys.ts'
import {
  decodeObjectRecord,
  decodeObjectSummary,
  encodeObjectRecord
} from '../../src/metadata/object-record.ts'
import { openRocksDb } from '../../src/metadata/rocksdb.ts'
import type { MetadataReader } from '../../src/objects/context.ts'
import { list } from '../../src/objects/list.ts'
import { bodyOf, makeHome, openTestStore, plain, type TestHome } from './open-store.ts'

const prefixCount = 10
const keysPerPrefix = 10_000

/** Copies of the row of one object, under other keys. */
async function fillBucket(home: TestHome, bucketId: Buffer, source: string): Promise<void> {
  await using engine = await openRocksDb({ path: join(home.path, 'metadata') })
  const row = await engine.get(objectKey(bucketId, normalizeKey(source)))
  assert(row !== undefined)
  const record = decodeObjectRecord(row.value)
  for (let prefix = 0; prefix < prefixCount; prefix++) {
    const puts = Array.from({ length: keysPerPrefix }, (_, n) => {
      const key = `p${prefix}/${String(n).padStart(6, '0')}`
      const value = encodeObjectRecord({ ...record, key })
      return { key: objectKey(bucketId, normalizeKey(key)), value }
    })
    await engine.commit({ checks: [], puts, deletes: [] })
  }
}

/** Counts the rows that cursors of the real engine gave. */
function counted(metadata: MetadataReader): { metadata: MetadataReader; rows: () => number } {
  let rows = 0
  return {
    rows: () => rows,
    metadata: {
      get: key => metadata.get(key),
      getMany: keys => metadata.getMany(keys),
      scan: range => metadata.scan(range),
      scanValues: range => {
        const cursor = metadata.scanValues(range)
        return {
          seek: key => {
            cursor.seek(key)
          },
          read: async count => {
            const entries = await cursor.read(count)
            rows += entries.length
            return entries
          },
          [Symbol.asyncDispose]: () => cursor[Symbol.asyncDispose]()
        }
      }
    }
  }
}

test('a listing with a delimiter passes over 100,000 keys in 10 prefixes by seeking', async t => {
  const home = await makeHome()
  let open = await openTestStore(home, 'rocksdb')
  await open.store.createBucket('bucket', {})
  await open.store.put('bucket', 'a', bodyOf(Buffer.from('content')), plain)
  const { id } = (await open.context.buckets.open('bucket')).record
  await open.close()
  await fillBucket(home, id, 'a')
  open = await openTestStore(home, 'rocksdb')
  t.teardown(async () => {
    await open.close()
    await home.remove()
  })

  const { metadata, rows } = counted(open.context.metadata)
  const options = { prefix: '', delimiter: '/', startAfter: '', limit: 1000 }
  const page = await list({ ...open.context, metadata }, 'bucket', options)

  t.deepEqual(
    page.prefixes,
    Array.from({ length: prefixCount }, (_, n) => `p${n}/`)
  )
  t.deepEqual(
    page.objects.map(({ key }) => key),
    ['a']
  )
  t.false(page.isTruncated)
  t.true(rows() >= prefixCount + 1)
  t.true(rows() <= 2 * (prefixCount + 1), `${rows()} rows were read`)

  const before = rows()
  await list({ ...open.context, metadata }, 'bucket', { ...options, delimiter: '' })
  t.is(rows() - before, 1001, 'a page without one reads its keys and one more')
})

test('the summary of an object row is what its whole record says', async t => {
  const home = await makeHome()
  const open = await openTestStore(home, 'rocksdb')
  t.teardown(async () => {
    await open.close()
    await home.remove()
  })
  await open.store.createBucket('bucket', {})
  await open.store.put('bucket', 'ключ', bodyOf(Buffer.alloc(300)), {
    ...plain,
    storageClass: 'STANDARD_IA',
    customMetadata: [['name', 'value']]
  })
  const { id } = (await open.context.buckets.open('bucket')).record
  const row = await open.context.metadata.get(objectKey(id, normalizeKey('ключ')))
  assert(row !== undefined)

  const { key, size, etag, uploaded, storageClass } = decodeObjectRecord(row.value)
  t.deepEqual(decodeObjectSummary(row.value), { key, size, etag, uploaded, storageClass })
  t.throws(() => decodeObjectSummary(row.value.subarray(0, 40)), { code: 'R2D_CORRUPT_RECORD' })
})
