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
import { ReadEpochs } from '../../src/metadata/read-register.ts'
import { createObjectStore } from '../../src/objects/object-store.ts'
import type { StoreContext } from '../../src/objects/context.ts'
import type { Store } from '../../src/objects/store.ts'
import { ExtentWriter } from '../../src/storage/extent-writer.ts'
import type { VolumeSet } from '../../src/storage/volume-set.ts'

export type EngineName = 'rocksdb' | 'classic-level'

export interface TestStore {
  store: Store
  context: StoreContext
  home: string
  faults: FaultReport[]
  reads: ReadEpochs
  volumes: VolumeSet
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
  const group = new GroupCommitter(engine, sequences)
  const writer = new ExtentWriter({ volumes })
  const epoch = new ConfigurationEpoch()
  const reads = new ReadEpochs(1)
  const context = buildContext(
    {
      masterKeys: opened.keyring.memory,
      defaultLocation: opened.record.defaultLocation,
      epoch: epoch.memory,
      reads: reads.memory,
      objectSequences: sequences.memory
    },
    {
      metadata: engine,
      committer: new LocalCommitter(group, writer, epoch),
      volumes,
      report,
      thread: 0,
      writeBufferSize: 64 * 1024 * 1024,
      memoryTierSize: 1024 * 1024
    }
  )

  const close = async (): Promise<void> => {
    await group.close()
    await writer.close()
    await context.writer.close()
    await context.reader.close()
    await context.hashers.close()
    await engine[Symbol.asyncDispose]()
  }
  return { store: createObjectStore(context), context, home: path, faults, reads, volumes, close }
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
