// A thread that reads what it is asked for, through the handle that it was given.

import { parentPort, workerData } from 'node:worker_threads'
import { openRocksDb } from '../../src/metadata/rocksdb.ts'

const engine = await openRocksDb(workerData as { path: string; handle: bigint })
const answer = async (key: string): Promise<void> => {
  const found = await engine.get(Buffer.from(key))
  parentPort?.postMessage(found?.value.toString())
}

parentPort?.on('message', (key: string) => {
  if (key === 'end') {
    void engine[Symbol.asyncDispose]().then(() => process.exit(0))
    return
  }
  void answer(key)
})
await answer('a')
