// Digests computed in other threads: the same as Node.js computes, and no wrong ones when a thread dies.

import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import test from 'ava'
import fc from 'fast-check'
import { R2dError } from '../../src/errors.ts'
import { frameSize } from '../../src/limits.ts'
import type { BodyHash } from '../../src/objects/body-hash.ts'
import { Digests } from '../../src/objects/digests.ts'
import { Hashers } from '../../src/objects/hashers.ts'
import type { DigestName } from '../../src/objects/store.ts'
import { bodyOf, makeHome, openTestStore, plain, readAll } from './open-store.ts'

const names: DigestName[] = ['md5', 'sha1', 'sha256', 'crc32', 'crc32c', 'crc64nvme']

function feed(hashers: Hashers, hash: BodyHash, content: Uint8Array): void {
  const frame = hashers.frames.take()
  assert(frame !== undefined)
  hashers.frames.bytes(frame).set(content)
  hash.update({ frame, size: content.length })
}

/** Takes all frames there are, and so fails if one was not given back; gives them back. */
function countFree({ frames }: Hashers): number {
  const taken: number[] = []
  for (let frame = frames.take(); frame !== undefined; frame = frames.take()) taken.push(frame)
  assert.equal(new Set(taken).size, taken.length)
  for (const frame of taken) frames.give(frame)
  return taken.length
}

test('bodies in frames of any sizes, many at once, have the digests of their bytes', async t => {
  const hashers = new Hashers(2)
  const total = countFree(hashers)
  const frames = fc.array(fc.oneof(fc.integer({ min: 1, max: 300 }), fc.constant(frameSize)), {
    maxLength: 30
  })
  const wanted = fc.subarray(names, { minLength: 1 })
  const property = fc.asyncProperty(
    fc.array(fc.tuple(frames, wanted), { maxLength: 4 }),
    async bodies => {
      const found = bodies.map(async ([sizes, digestNames]) => {
        const hash = hashers.open(digestNames)
        const local = new Digests(digestNames)
        for (const size of sizes) {
          const content = randomBytes(size)
          local.update(content)
          feed(hashers, hash, content)
          await hash.heldAtMost(12)
        }
        assert.deepEqual(await hash.finish(), local.finish())
        await hash.close()
      })
      await Promise.all(found)
      assert.equal(countFree(hashers), total)
    }
  )

  await t.notThrowsAsync(fc.assert(property, { numRuns: 40 }))
  await hashers.close()
})

test('a body that is left gives its memory back', async t => {
  const hashers = new Hashers(1)
  const total = countFree(hashers)
  for (let round = 0; round < 20; round++) {
    const hash = hashers.open(['md5', 'sha256'])
    for (let n = 0; n < round; n++) feed(hashers, hash, randomBytes(frameSize))
    await hash.close()
  }

  t.is(countFree(hashers), total)
  await hashers.close()
})

test('a hashing thread that dies fails its bodies, gives their memory back, and is replaced', async t => {
  const hashers = new Hashers(1)
  const total = countFree(hashers)
  const hash = hashers.open(['md5'])
  for (let n = 0; n < 20; n++) feed(hashers, hash, randomBytes(frameSize))
  await hashers.workers[0]?.terminate()

  const error = await t.throwsAsync(hash.finish(), { instanceOf: R2dError })
  t.is(error.code, 'R2D_UNAVAILABLE')
  // What comes after it is refused, too, and held no longer.
  feed(hashers, hash, randomBytes(100))
  await t.throwsAsync(hash.heldAtMost(0), { instanceOf: R2dError })
  await hash.close()
  t.is(countFree(hashers), total)

  const next = hashers.open(['md5'])
  feed(hashers, next, Buffer.from('r2d'))
  const { md5 } = await next.finish()
  t.is(md5?.toString('hex'), createHash('md5').update('r2d').digest('hex'))
  await hashers.close()
})

test('a write whose hashing thread dies stores nothing, and the next one works', async t => {
  const home = await makeHome()
  const { store, context, close } = await openTestStore(home, 'rocksdb')
  await store.createBucket('bucket', {})
  const content = randomBytes(20 * frameSize)
  async function* body(): AsyncGenerator<Buffer> {
    yield content
    await context.hashers.workers[0]?.terminate()
    yield content
  }

  const error = await t.throwsAsync(store.put('bucket', 'key', body(), plain), {
    instanceOf: R2dError
  })
  t.is(error.code, 'R2D_UNAVAILABLE')
  await t.throwsAsync(store.get('bucket', 'key', {}), { instanceOf: R2dError })

  const { etag } = await store.put('bucket', 'key', bodyOf(content), plain)
  t.is(etag, createHash('md5').update(content).digest('hex'))
  await close()
  await home.remove()
})

test('a body may use the memory of each piece again for the next', async t => {
  const home = await makeHome()
  const { store, close } = await openTestStore(home, 'rocksdb')
  await store.createBucket('bucket', {})
  for (const size of [100, 200_000, 300_000, 5_000_000]) {
    const content = randomBytes(size)
    const memory = Buffer.alloc(50_000)
    async function* body(): AsyncGenerator<Buffer> {
      for (let offset = 0; offset < size; offset += memory.length) {
        const count = content.copy(memory, 0, offset)
        yield await Promise.resolve(memory.subarray(0, count))
      }
    }
    for (const options of [plain, { ...plain, size }]) {
      const { etag } = await store.put('bucket', 'key', body(), options)
      t.is(etag, createHash('md5').update(content).digest('hex'))
      const result = await store.get('bucket', 'key', {})
      assert(result.kind === 'object')
      t.true(content.equals(await readAll(result.body)))
    }
  }
  await close()
  await home.remove()
})

test('what many readers hold at once is their own until they ask for more', async t => {
  const home = await makeHome()
  const { store, close } = await openTestStore(home, 'rocksdb')
  await store.createBucket('bucket', {})
  const contents = Array.from({ length: 12 }, (_, n) => randomBytes(1_000_000 + n * 70_000))
  for (const [n, content] of contents.entries()) {
    await store.put('bucket', `key-${n}`, bodyOf(content), plain)
  }

  const readers = Promise.all(
    contents.flatMap((content, n) => {
      return [0, 65_000, 500_000].map(async start => {
        const range = { kind: 'from', start } as const
        const result = await store.get('bucket', `key-${n}`, { range })
        assert(result.kind === 'object')
        let offset = start
        const pieces = Buffer.isBuffer(result.body) ? [result.body] : result.body
        for await (const piece of pieces) {
          // The others go on meanwhile.
          await store.head('bucket', 'key-0', {})
          assert(piece.equals(content.subarray(offset, offset + piece.length)))
          offset += piece.length
        }
        assert.equal(offset, content.length)
      })
    })
  )
  await t.notThrowsAsync(readers)
  await close()
  await home.remove()
})
