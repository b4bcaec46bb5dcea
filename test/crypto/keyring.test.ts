// The keyring: two keys at most, one current, the same in every thread that shares its memory.

import { Worker } from 'node:worker_threads'
import { once } from 'node:events'
import test from 'ava'
import { newKey } from '../../src/crypto/key-wrap.ts'
import { Keyring, masterKeyId } from '../../src/crypto/keyring.ts'

test('a key that is added opens, a key that is swapped in wraps, and one that is dropped is wiped', t => {
  const [first, second] = [newKey(), newKey()]
  const keyring = Keyring.of(first)
  const other = new Keyring(keyring.memory)
  const seen = other.generation

  keyring.add(second)
  t.deepEqual(
    other.keys.map(({ key }) => key),
    [first, second]
  )
  t.not(other.generation, seen)
  t.true(other.current.id.equals(masterKeyId(first)))

  keyring.swap()
  t.true(other.current.key.equals(second))
  t.is(
    other.open(key => (key.equals(first) ? 'opened' : undefined)),
    'opened'
  )

  keyring.drop()
  t.deepEqual(
    other.keys.map(({ key }) => key),
    [second]
  )
  t.false(Buffer.from(keyring.memory).includes(first))
})

test('the name of a key is 8 bytes that do not tell it', t => {
  const key = Buffer.alloc(32, 1)

  t.is(masterKeyId(key).toString('hex'), 'af689636c0ff19f3')
})

test('a thread that reads while the keys change sees only keys that there are', async t => {
  const keys = [newKey(), newKey()] as const
  const keyring = Keyring.of(keys[0])
  const worker = new Worker(new URL('./keyring-reader.js', import.meta.url), {
    workerData: { memory: keyring.memory, keys }
  })
  await once(worker, 'message')

  const deadline = Date.now() + 500
  let changes = 0
  while (Date.now() < deadline) {
    keyring.add(keyring.current.key.equals(keys[0]) ? keys[1] : keys[0])
    keyring.swap()
    keyring.drop()
    changes++
  }
  worker.postMessage('end')
  const [{ reads, wrong }] = (await once(worker, 'message')) as [{ reads: number; wrong: number }]

  t.true(changes > 1000)
  t.true(reads > 1000)
  t.is(wrong, 0)
})
