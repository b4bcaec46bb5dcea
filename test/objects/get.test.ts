// Reading, and leaving it early.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import test from 'ava'
import { bodyOf, makeHome, openTestStore, plain, readAll } from './open-store.ts'

test('readers that leave before their first piece leave nothing behind: the next one reads ahead as ever', async t => {
  const home = await makeHome()
  const { store, context, close } = await openTestStore(home, 'rocksdb')
  await store.createBucket('bucket', {})
  const content = randomBytes(3_000_000)
  await store.put('bucket', 'key', bodyOf(content), plain)
  const { reader } = context
  const read = reader.read.bind(reader)
  let reads = 0
  reader.read = (...parameters) => {
    reads++
    return read(...parameters)
  }
  /** How many windows are asked for until the first one is there. */
  const begin = async () => {
    reads = 0
    const result = await store.get('bucket', 'key', {})
    assert(result.kind === 'object')
    assert(!Buffer.isBuffer(result.body))
    return { count: reads, body: result.body[Symbol.asyncIterator](), result }
  }

  const first = await begin()
  await first.body.return?.()
  for (let n = 0; n < 20; n++) await (await begin()).body.return?.()
  const last = await begin()

  t.true(last.count > 1)
  t.is(last.count, first.count)
  t.true((await readAll(last.result.body)).equals(content))
  await close()
  await home.remove()
})
