// A store over a real engine and three real volumes in a directory, in this thread.

import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openStore } from '../../daemon/open-store.ts'
import { buildContext, openEngine, openVolumes } from '../../daemon/parts.ts'
import type { FaultReport } from '../../daemon/thread-messages.ts'
import type { FileSystem } from '../../src/file.ts'
import { LocalCommitter } from '../../src/metadata/committer.ts'
import { ConfigurationEpoch } from '../../src/metadata/configuration-epoch.ts'
import type { Engine } from '../../src/metadata/engine.ts'
import { GroupCommitter } from '../../src/metadata/group-committer.ts'
import { ObjectSequences } from '../../src/metadata/object-sequences.ts'
import { OperationEpochs } from '../../src/metadata/operation-register.ts'
import { createObjectStore } from '../../src/objects/object-store.ts'
import type { StoreContext } from '../../src/objects/context.ts'
import type { Store } from '../../src/objects/store.ts'
import { ExtentWriter } from '../../src/storage/extent-writer.ts'
import { SealedSegments, type SegmentPlace } from '../../src/storage/sealed-segments.ts'
import type { VolumeSet } from '../../src/storage/volume-set.ts'

export type EngineName = 'rocksdb' | 'classic-level'

export interface TestStore {
  store: Store
  context: StoreContext
  home: string
  faults: FaultReport[]
  reads: OperationEpochs
  writes: OperationEpochs
  sealed: SealedSegments
  volumes: VolumeSet
  /** Has whoever appends to the segment leave it. */
  leaveIdle: (place: SegmentPlace) => Promise<void>
  close: () => Promise<void>
}

export interface TestHome {
  path: string
  masterKey: Buffer
  remove: () => Promise<void>
}

export async function makeHome(): Promise<TestHome> {
  const path = await mkdtemp(join(tmpdir(), 'r2d-store-'))

  return {
    path,
    masterKey: randomBytes(32),
    remove: () => rm(path, { recursive: true, force: true })
  }
}

export async function openTestStore(home: TestHome, engineName: EngineName): Promise<TestStore> {
  const metadata = { engine: engineName, path: join(home.path, 'metadata'), handle: undefined }
  return openStoreOn({ ...home, engine: await openEngine(metadata) })
}

/** A store over any engine, with its volumes on any disk. */
export async function openStoreOn({
  path,
  masterKey,
  engine,
  files
}: Pick<TestHome, 'path' | 'masterKey'> & {
  engine: Engine
  files?: FileSystem
}): Promise<TestStore> {
  const opened = await openStore({
    engine,
    volumesPath: join(path, 'volumes'),
    keySource: {
      read: () => Promise.resolve([masterKey]),
      make: () => Promise.resolve(masterKey)
    },
    now: Date.now(),
    ...(files === undefined ? {} : { files })
  })

  const faults: FaultReport[] = []
  const report = (fault: FaultReport): void => {
    faults.push(fault)
  }
  const description = {
    volumes: opened.volumes,
    storeId: opened.record.id,
    volumeFreeMin: 1024 * 1024
  }
  const volumes = await openVolumes(description, report, files)
  const sequences = new ObjectSequences()
  const reads = new OperationEpochs(1)
  const writes = new OperationEpochs(2)
  const sealed = new SealedSegments(writes)
  await sealed.addExisting(volumes)
  const group = new GroupCommitter(engine, sequences)
  const writer = new ExtentWriter({ segments: sealed.eventsOf(0), volumes })
  const epoch = new ConfigurationEpoch()
  const context = buildContext(
    {
      masterKeys: opened.keyring.memory,
      defaultLocation: opened.record.defaultLocation,
      epoch: epoch.memory,
      reads: reads.memory,
      objectSequences: sequences.memory,
      writes: writes.memory
    },
    {
      metadata: engine,
      committer: new LocalCommitter(group, writer, epoch),
      volumes,
      report,
      thread: 0,
      segments: sealed.eventsOf(0),
      writeBufferSize: 64 * 1024 * 1024,
      memoryTierSize: 1024 * 1024
    }
  )

  const leaveIdle = async (place: SegmentPlace): Promise<void> => {
    for (const each of [writer, context.writer]) await each.leaveIdle(place, 0)
  }
  const close = async (): Promise<void> => {
    await group.close()
    await writer.close()
    await context.writer.close()
    await context.reader.close()
    await context.hashers.close()
    await engine[Symbol.asyncDispose]()
  }
  return {
    store: createObjectStore(context),
    context,
    home: path,
    faults,
    reads,
    writes,
    sealed,
    volumes,
    leaveIdle,
    close
  }
}

export async function* bodyOf(content: Buffer, pieceSize = 65_536): AsyncGenerator<Buffer> {
  for (let offset = 0; offset < content.length; offset += pieceSize) {
    yield await Promise.resolve(content.subarray(offset, offset + pieceSize))
  }
}

export async function readAll(body: Buffer | AsyncIterable<Buffer>): Promise<Buffer> {
  if (Buffer.isBuffer(body)) return body

  const pieces: Buffer[] = []
  // The store uses its memory again for the next piece.
  for await (const piece of body) pieces.push(Buffer.from(piece))
  return Buffer.concat(pieces)
}

export const plain = { httpMetadata: {}, customMetadata: [], digests: [] } satisfies Parameters<
  Store['put']
>[3]
