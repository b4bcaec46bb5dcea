// Extents in a real engine and on real volumes, without objects: what repair and scrub work on.

import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ExecutionContext } from 'ava'
import type { RepairWork } from '../../src/maintenance/repair-extent.ts'
import { OperationEpochs, OperationRegister } from '../../src/metadata/operation-register.ts'
import { openRocksDb } from '../../src/metadata/rocksdb.ts'
import { LocalCommitter } from '../../src/metadata/committer.ts'
import { ConfigurationEpoch } from '../../src/metadata/configuration-epoch.ts'
import type { Engine } from '../../src/metadata/engine.ts'
import {
  decodeExtentRecord,
  encodeExtentRecord,
  type ExtentRecord
} from '../../src/metadata/extent-record.ts'
import { GroupCommitter } from '../../src/metadata/group-committer.ts'
import { ObjectSequences } from '../../src/metadata/object-sequences.ts'
import { extentKey, locationKey } from '../../src/metadata/keys.ts'
import { encodeLocationRecord } from '../../src/metadata/location-record.ts'
import { ExtentReader } from '../../src/storage/extent-reader.ts'
import { ExtentWriter } from '../../src/storage/extent-writer.ts'
import { readRecord } from '../../src/storage/record-reader.ts'
import type { Replica } from '../../src/storage/replica.ts'
import { segmentName } from '../../src/storage/segment-format.ts'
import { FaultyFiles } from '../faults/faulty-files.ts'
import {
  makeExtent,
  openVolumes,
  type TestExtent,
  type TestVolumes
} from '../storage/open-volumes.ts'

export interface RepairStore {
  files: FaultyFiles
  volumes: TestVolumes
  engine: Engine
  work: RepairWork
  /** A new extent, with its row; each is in segments of its own. */
  write: (size: number, replicaCount: number) => Promise<TestExtent & { replicas: Replica[] }>
  row: (id: Buffer) => Promise<ExtentRecord | undefined>
  pathOf: (replica: Replica) => string
}

export async function openRepairStore(
  t: ExecutionContext,
  { volumeCount = 3, replicaCount = 2 } = {}
): Promise<RepairStore> {
  const files = new FaultyFiles()
  const volumes = await openVolumes(t, files, volumeCount)
  const path = await mkdtemp(join(tmpdir(), 'r2d-rows-'))
  const engine = await openRocksDb({ path })
  const location = encodeLocationRecord({ replicaCount, replicaCountMin: 1 })
  const put = (key: Buffer, value: Buffer): Promise<void> =>
    engine.commit({ checks: [], puts: [{ key, value }], deletes: [] })
  await put(locationKey('here'), location)

  const group = new GroupCommitter(engine, new ObjectSequences())
  const writer = new ExtentWriter({ volumes: volumes.volumes })
  const writes = new OperationRegister(new OperationEpochs(1).memory, 0)
  const committer = new LocalCommitter(group, writer, new ConfigurationEpoch())
  t.teardown(async () => {
    await group.close()
    await writer.close()
    await engine[Symbol.asyncDispose]()
    await rm(path, { recursive: true, force: true })
  })

  return {
    files,
    volumes,
    engine,
    work: { metadata: engine, committer, volumes: volumes.volumes, writer, writes },
    async write(size, count) {
      const made = makeExtent(size)
      const own = new ExtentWriter({ volumes: volumes.volumes })
      const replicas = await own.write(made.extent, {
        location: 'here',
        replicaCount: count,
        replicaCountMin: count,
        replicaTarget: 0
      })
      await own.close()
      const record = { size, references: 1, replicaTarget: 0, replicas }
      await put(extentKey(made.extent.id), encodeExtentRecord(record))
      return { ...made, replicas }
    },
    async row(id) {
      const row = await engine.get(extentKey(id))
      return row && decodeExtentRecord(row.value)
    },
    pathOf({ volume, segment }) {
      const description = volumes.descriptions.find(({ number }) => number === volume)
      assert(description !== undefined)
      return join(description.path, 'segments', segmentName(segment))
    }
  }
}

/** The extent's replicas are `count`, each on a volume of its own, each right; and a reader gets its content. */
export async function requireWhole(
  store: RepairStore,
  { extent, key, content }: TestExtent,
  count: number
): Promise<void> {
  const row = await store.row(extent.id)
  assert(row !== undefined)
  assert.equal(row.replicas.length, count)
  assert.equal(new Set(row.replicas.map(({ volume }) => volume)).size, count)
  const { volumes } = store.volumes
  for (const replica of row.replicas) {
    const volume = volumes.byNumber(replica.volume)
    assert(volume !== undefined)
    const { reason } = await readRecord(volumes.files, volume.path, replica, extent)
    assert.equal(reason, undefined)
  }

  const faults: unknown[] = []
  const reader = new ExtentReader({ volumes, onFault: fault => faults.push(fault) })
  const readable = { id: extent.id, size: extent.size, key, replicas: row.replicas }
  const read = await reader.read(readable, 0, extent.frames.length)
  await reader.close()
  assert(read.equals(content))
  assert.deepEqual(faults, [])
}
