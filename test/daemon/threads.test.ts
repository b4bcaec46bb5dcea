// A thread that dies is replaced: what it was doing fails, what comes after does not, and nothing acknowledged is lost.

import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { setImmediate as turn } from 'node:timers/promises'
import { join } from 'node:path'
import test from 'ava'
import { openStore } from '../../daemon/open-store.ts'
import { Threads } from '../../daemon/threads.ts'
import { ObjectSequences } from '../../src/metadata/object-sequences.ts'
import { OperationEpochs } from '../../src/metadata/operation-register.ts'
import { openRocksDb } from '../../src/metadata/rocksdb.ts'
import { createVolume } from '../../src/storage/superblock.ts'
import { makeHome } from '../objects/open-store.ts'
import { localRequest } from './daemon-process.ts'

test('a committer and a gateway that die under load are replaced, and what was acknowledged is there', async t => {
  const home = await makeHome()
  const engine = await openRocksDb({ path: join(home.path, 'metadata') })
  const { record, keyring, volumes } = await openStore({
    engine,
    volumesPath: join(home.path, 'volumes'),
    keySource: {
      read: () => Promise.resolve([home.masterKey]),
      make: () => Promise.resolve(home.masterKey)
    },
    now: Date.now()
  })
  const socketPath = (n: number): string => join(home.path, `s3-${n}.sock`)
  const settings = [0, 1].map(n => ({
    host: '127.0.0.1',
    port: 0,
    threadCount: 2,
    socketPath: socketPath(n),
    domains: [],
    thread: n,
    compat: 'r2' as const,
    writeBufferSize: 1 << 24,
    memoryTierSize: 1 << 20
  }))
  const parts = {
    metadata: { engine: engine.name, path: join(home.path, 'metadata'), handle: engine.handle },
    metadataReserve: 1 << 20,
    storeId: record.id,
    masterKeys: keyring.memory,
    volumes,
    volumeFreeMin: 1 << 20,
    defaultLocation: record.defaultLocation,
    hasJournal: true,
    epoch: new SharedArrayBuffer(4),
    reads: new OperationEpochs(2).memory,
    writes: new OperationEpochs(3).memory,
    objectSequences: new ObjectSequences().memory,
    logLevel: 'info'
  }
  const threads = await Threads.start(parts, settings, {
    onFault: () => undefined,
    onLog: () => undefined,
    onSegment: () => undefined,
    onOwnerEnd: () => undefined,
    onGatewayEnd: () => undefined,
    onStuck: reason => t.fail(reason),
    onFatal: error => t.fail(error.message)
  })
  assert.equal((await localRequest(socketPath(0), 'PUT', '/bucket')).status, 200)

  const acknowledged = new Set<string>()
  let isRunning = true
  let n = 0
  let reads = 0
  /** Overwrites a key of its own, and reads it by the other thread, which has kept what was there before. */
  const overwrite = async (writer: number): Promise<void> => {
    const [path, text] = [`/bucket/hot-${writer}`, String(n++)]
    const own = await localRequest(socketPath(writer % 2), 'PUT', path, Buffer.from(text))
    if (own.status !== 200) return
    for (let count = 0; count < 3; count++) {
      const { status, body } = await localRequest(socketPath((writer + 1) % 2), 'GET', path)
      assert.equal(status, 200)
      assert.equal(body.toString(), text)
      reads++
    }
  }
  const writers = Array.from({ length: 8 }, async (_, writer) => {
    while (isRunning) {
      const path = `/bucket/${writer}-${n++}`
      try {
        const { status } = await localRequest(
          socketPath(writer % 2),
          'PUT',
          path,
          Buffer.from(path)
        )
        if (status === 200) acknowledged.add(path)
        else assert.equal(status, 503)
        await overwrite(writer)
      } catch (error) {
        // The connection went with its thread.
        if (error instanceof assert.AssertionError) throw error
        await turn()
      }
    }
  })
  const grow = async (by: number): Promise<void> => {
    const target = acknowledged.size + by
    while (acknowledged.size < target) await turn()
  }

  await grow(100)
  await threads.workers[0]?.terminate()
  await grow(100)
  await threads.workers[2]?.terminate()
  await grow(100)
  // The replaced one serves, too.
  while (threads.restartCount < 2 || threads.workers.some(({ threadId }) => threadId === -1))
    await turn()
  await grow(200)
  isRunning = false
  await Promise.all(writers)

  for (const path of acknowledged) {
    const { status, body } = await localRequest(socketPath(0), 'GET', path)
    assert.equal(status, 200, path)
    assert.equal(body.toString(), path)
  }
  t.is(threads.restartCount, 2)
  t.true(reads > 100)
  // The main thread's own channel leads to the new committer, too.
  const nothing = { bucket: 'none', bucketId: Buffer.alloc(12), rowKeys: [], now: 0 }
  await t.throwsAsync(threads.committer.mutate('deleteObjects', nothing), {
    code: 'R2D_NO_SUCH_BUCKET'
  })

  // A thread that dies while the volumes are being changed is replaced by one that has the new ones.
  const path = join(home.path, 'volumes', 'volume-4')
  const { id } = await createVolume(path, { storeId: record.id, number: 4 })
  const fourth = { number: 4, id, path, location: 'local', failureDomain: '' }
  const died = threads.workers[0]?.terminate()
  await threads.setVolumes([...volumes, { ...fourth, recorded: 'active' }])
  await died
  while (threads.restartCount < 3 || threads.workers.some(({ threadId }) => threadId === -1))
    await turn()
  const isUsed = async (): Promise<boolean> => (await readdir(join(path, 'segments'))).length > 0
  for (let n = 0; n < 300 && !(await isUsed()); n++) {
    const { status } = await localRequest(socketPath(0), 'PUT', '/bucket/x', Buffer.alloc(250_000))
    assert(status === 200 || status === 503)
  }
  t.true(await isUsed())
  await threads.stop(5000)
  await engine[Symbol.asyncDispose]()
  await home.remove()
})
