// A process that has an engine open: it commits numbered rows, says each number when it is durable, and is killed.

import { openClassicLevel } from '../../src/metadata/classic-level.ts'
import { openRocksDb } from '../../src/metadata/rocksdb.ts'

const [name = '', path = '', mode = ''] = process.argv.slice(2)
const engine = await (name === 'rocksdb' ? openRocksDb({ path }) : openClassicLevel({ path }))

if (mode === 'hold') {
  process.send?.('open')
  setInterval(() => undefined, 1000)
} else {
  await using cursor = engine.scan({ gte: Buffer.from('n'), lt: Buffer.from('o') })
  let next = (await cursor.read(1_000_000)).length
  for (;;) {
    const key = Buffer.from(`n${String(next).padStart(8, '0')}`)
    await engine.commit({ checks: [], puts: [{ key, value: key }], deletes: [] })
    process.send?.(next++)
    // Messages leave between two commits.
    await new Promise(resolve => setImmediate(resolve))
  }
}
