/**
 * Fills the bucket of a store that no daemon has open with rows of objects, all of one content: what as many copies of one
 * object would leave, in large commits. Each row has a version and a wrapped key of its own.
 */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { newId } from '../src/crypto/key-wrap.ts'
import { readMasterKeyFile } from '../src/crypto/master-key.ts'
import type { Home } from '../src/home.ts'
import { ConfigurationEpoch } from '../src/metadata/configuration-epoch.ts'
import type { Engine } from '../src/metadata/engine.ts'
import { decodeExtentRecord, encodeExtentRecord } from '../src/metadata/extent-record.ts'
import { extentKey, normalizeKey, objectKey } from '../src/metadata/keys.ts'
import { decodeObjectRecord, encodeObjectRecord } from '../src/metadata/object-record.ts'
import { openRocksDb } from '../src/metadata/rocksdb.ts'
import { Keyring } from '../src/crypto/keyring.ts'
import { BucketCatalog } from '../src/objects/bucket-catalog.ts'
import { openContentKey, wrapContentKey } from '../src/objects/content-key.ts'
import { keyOf } from './scale-keys.ts'

const commitCount = 10_000

/** `source`: the key of the object whose content all get. */
export async function fillWithCopies(home: Home, source: string, count: number): Promise<void> {
  const engine = await openRocksDb({ path: join(home.metadata, 'rocksdb') })
  const [masterKey] = await readMasterKeyFile(home.masterKeyFile)
  assert(masterKey !== undefined)
  const bucket = await new BucketCatalog(
    engine,
    Keyring.of(masterKey),
    new ConfigurationEpoch()
  ).open('bench')
  const original = decodeObjectRecord(
    await read(engine, objectKey(bucket.record.id, normalizeKey(source)))
  )
  const contentKey = openContentKey(bucket, original, undefined)
  assert(original.manifest.kind === 'inline')
  const [slice] = original.manifest.slices
  assert(slice !== undefined)
  const extent = extentKey(slice.extentId)

  for (let first = 0; first < count; first += commitCount) {
    const rows = Math.min(commitCount, count - first)
    const puts = Array.from({ length: rows }, (_, n) => {
      const key = keyOf(first + n, count)
      const version = wrapContentKey(bucket, newId(), contentKey, undefined)
      const value = encodeObjectRecord({ ...original, ...version, key, uploaded: Date.now() })
      return { key: objectKey(bucket.record.id, normalizeKey(key)), value }
    })
    const shared = decodeExtentRecord(await read(engine, extent))
    const value = encodeExtentRecord({ ...shared, references: shared.references + rows })
    await engine.commit({ checks: [], puts: [...puts, { key: extent, value }], deletes: [] })
  }
  await engine[Symbol.asyncDispose]()
}

async function read(engine: Engine, key: Buffer): Promise<Buffer> {
  const row = await engine.get(key)
  assert(row !== undefined)
  return row.value
}
