import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import test from 'ava'
import { openRocksDb } from '../../src/metadata/rocksdb.ts'
import { engineSuite, makeDirectory, put } from '../conformance/engine.ts'

engineSuite(test, 'rocksdb', path => openRocksDb({ path }))

test('another thread reads by the handle what this one commits, and leaves it open', async t => {
  const path = await makeDirectory(t)
  const engine = await openRocksDb({ path })
  await put(engine, 'a')
  const worker = new Worker(new URL('rocksdb-reader.js', import.meta.url), {
    workerData: { path, handle: engine.handle }
  })

  t.deepEqual(await once(worker, 'message'), ['value of a'])
  await put(engine, 'b')
  worker.postMessage('b')
  t.deepEqual(await once(worker, 'message'), ['value of b'])
  const ended = once(worker, 'exit')
  worker.postMessage('end')
  await ended

  t.is((await engine.get(Buffer.from('a')))?.value.toString(), 'value of a')
  await engine[Symbol.asyncDispose]()
})
