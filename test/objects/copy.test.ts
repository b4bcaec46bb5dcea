// A copy is one commit, whatever the size: no byte of content is read or written for it.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import type { GetResult, Store } from '../../src/objects/store.ts'
import { bodyOf, makeHome, openTestStore, plain, readAll, type EngineName } from './open-store.ts'

const MiB = 1024 * 1024
const bucket = 'bucket'

/** Bytes in all files under a directory. */
async function sizeOf(directory: string): Promise<number> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true })
  const files = entries.filter(entry => entry.isFile())
  const sizes = await Promise.all(
    files.map(async ({ parentPath, name }) => (await stat(join(parentPath, name))).size)
  )
  return sizes.reduce((sum, size) => sum + size, 0)
}

/** An object that is another so many times over: made of its extents. */
async function repeat(store: Store, sourceKey: string, count: number, key: string): Promise<void> {
  const uploadId = await store.createUpload(bucket, key, { ...plain, checksum: undefined })
  const parts = []
  for (let partNumber = 1; partNumber <= count; partNumber++) {
    const target = { bucket, key, uploadId, partNumber }
    const { etag } = await store.copyPart(target, { sourceBucket: bucket, sourceKey })
    parts.push({ number: partNumber, etag, checksums: {} })
  }
  await store.completeUpload(
    { bucket, key, uploadId },
    { parts, checksums: {}, requiresEvenParts: false }
  )
}

async function contentOf(result: GetResult): Promise<Buffer> {
  assert(result.kind === 'object')

  return readAll(result.body)
}

for (const engine of ['rocksdb', 'classic-level'] satisfies EngineName[]) {
  test(`over ${engine}, a copy of 6 GiB costs what a copy of a byte costs`, async t => {
    const home = await makeHome()
    const { store, context, close } = await openTestStore(home, engine)
    t.teardown(async () => {
      await close()
      await home.remove()
    })
    await store.createBucket(bucket, {})
    const content = randomBytes(16 * MiB)
    await store.put(bucket, 'byte', bodyOf(Buffer.from('x')), plain)
    await store.put(bucket, 'base', bodyOf(content), plain)
    await repeat(store, 'base', 20, 'large')
    await repeat(store, 'large', 20, 'huge')
    const huge = await store.stat(bucket, 'huge')
    t.is(huge.size, 6400 * MiB)

    const counts = { mutations: 0, rowReads: 0, extentReads: 0, extentWrites: 0 }
    const { committer, metadata, reader, writer } = context
    const mutate = committer.mutate.bind(committer)
    committer.mutate = (...options) => {
      counts.mutations++
      return mutate(...options)
    }
    const get = metadata.get.bind(metadata)
    metadata.get = key => {
      counts.rowReads++
      return get(key)
    }
    const read = reader.read.bind(reader)
    reader.read = (...options) => {
      counts.extentReads++
      return read(...options)
    }
    const write = writer.write.bind(writer)
    writer.write = (...options) => {
      counts.extentWrites++
      return write(...options)
    }
    const stored = await sizeOf(join(home.path, 'volumes'))

    const costs = []
    for (const sourceKey of ['byte', 'base', 'huge']) {
      Object.assign(counts, { mutations: 0, rowReads: 0, extentReads: 0, extentWrites: 0 })
      const key = `copy of ${sourceKey}`
      const { info, source } = await store.copy({ sourceBucket: bucket, sourceKey, bucket, key })
      t.is(info.size, source.size)
      t.is(info.etag, source.etag)
      t.not(info.versionId, source.versionId)
      t.deepEqual(info.parts, source.parts)
      costs.push({ ...counts })
    }

    // Rows: the source's, and what the commit looks at: both objects, the bucket, and what up to 64 pages or 16 extents name.
    for (const { mutations, rowReads, extentReads, extentWrites } of costs) {
      t.deepEqual([mutations, extentReads, extentWrites], [1, 0, 0])
      t.true(rowReads <= 1 + 3 + 64, `${rowReads} rows`)
    }
    t.is(await sizeOf(join(home.path, 'volumes')), stored)

    // What was copied stays when its source goes.
    await store.delete(bucket, ['byte', 'base', 'large', 'huge'])
    const start = 6384 * MiB - 5
    const range = { kind: 'from', start, end: start + 9 } as const
    const across = await contentOf(await store.get(bucket, 'copy of huge', { range }))
    t.true(across.equals(Buffer.concat([content.subarray(-5), content.subarray(0, 5)])))
    const whole = await contentOf(await store.get(bucket, 'copy of base', {}))
    t.true(whole.equals(content))
  })

  test(`over ${engine}, a copy onto itself keeps the content through many of them`, async t => {
    const home = await makeHome()
    const { store, close } = await openTestStore(home, engine)
    t.teardown(async () => {
      await close()
      await home.remove()
    })
    await store.createBucket(bucket, {})
    const content = randomBytes(300_000)
    await store.put(bucket, 'k', bodyOf(content), plain)

    const versions = new Set<string>()
    for (let n = 0; n < 20; n++) {
      const { info } = await store.copy({
        sourceBucket: bucket,
        sourceKey: 'k',
        bucket,
        key: 'k',
        metadataOf: source => ({ ...source, customMetadata: [['n', String(n)]] })
      })
      versions.add(info.versionId)
    }
    t.is(versions.size, 20)
    const got = await store.get(bucket, 'k', {})
    t.deepEqual(got.info.customMetadata, [['n', '19']])
    t.true((await contentOf(got)).equals(content))
  })

  test(`over ${engine}, tags change under the version that has them, and under no other`, async t => {
    const home = await makeHome()
    const { store, close } = await openTestStore(home, engine)
    t.teardown(async () => {
      await close()
      await home.remove()
    })
    await store.createBucket(bucket, {})
    const first = await store.put(bucket, 'k', bodyOf(Buffer.from('one')), {
      ...plain,
      tags: [['a', '1']]
    })

    t.deepEqual(await store.setTags(bucket, 'k', [['b', '2']]), { versionId: first.versionId })
    const tagged = await store.stat(bucket, 'k')
    t.deepEqual(tagged, { ...first, tags: [['b', '2']] })
    await Promise.all([
      store.put(bucket, 'k', bodyOf(Buffer.from('two')), plain),
      ...Array.from({ length: 20 }, (_, n) => store.setTags(bucket, 'k', [['n', String(n)]]))
    ])
    t.is((await contentOf(await store.get(bucket, 'k', {}))).toString(), 'two')
    await store.setTags(bucket, 'k', [])
    t.deepEqual((await store.stat(bucket, 'k')).tags, [])
    await store.delete(bucket, ['k'])
    await t.throwsAsync(store.setTags(bucket, 'k', []), { code: 'R2D_NO_SUCH_KEY' })
  })
}
