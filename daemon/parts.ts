/**
 * Builds, in whichever thread, what the store's operations work with.
 */

import { availableParallelism } from 'node:os'
import type { FileSystem } from '../src/file.ts'
import { MemoryTier } from '../src/cache/memory-tier.ts'
import { Keyring } from '../src/crypto/keyring.ts'
import type { Committer } from '../src/metadata/committer.ts'
import { openClassicLevel } from '../src/metadata/classic-level.ts'
import { ConfigurationEpoch } from '../src/metadata/configuration-epoch.ts'
import type { Engine } from '../src/metadata/engine.ts'
import { ObjectSequences } from '../src/metadata/object-sequences.ts'
import { OperationRegister } from '../src/metadata/operation-register.ts'
import { openRocksDb } from '../src/metadata/rocksdb.ts'
import { BucketCatalog } from '../src/objects/bucket-catalog.ts'
import type { StoreContext } from '../src/objects/context.ts'
import { Hashers } from '../src/objects/hashers.ts'
import { ObjectCatalog } from '../src/objects/object-catalog.ts'
import { ExtentReader } from '../src/storage/extent-reader.ts'
import { ExtentWriter } from '../src/storage/extent-writer.ts'
import { VolumeSet, type VolumeDescription, type VolumeFault } from '../src/storage/volume-set.ts'
import type { SegmentEvents } from '../src/storage/sealed-segments.ts'
import type { FaultReport, FromWorker, SharedParts } from './thread-messages.ts'

/** Hashing threads of one gateway thread, started when they are needed: more than one where there is a core for it. */
const hasherCountMax = availableParallelism() >= 4 ? 2 : 1

export function openEngine({ engine, path, handle }: SharedParts['metadata']): Promise<Engine> {
  if (engine === 'classic-level') return openClassicLevel({ path })

  return openRocksDb({ path, ...(handle === undefined ? {} : { handle }) })
}

export async function openVolumes(
  { volumes, storeId, volumeFreeMin }: Pick<SharedParts, 'volumes' | 'storeId' | 'volumeFreeMin'>,
  report: (fault: FaultReport) => void,
  files?: FileSystem
): Promise<VolumeSet> {
  return VolumeSet.open(receiveVolumes(volumes), {
    storeId: Buffer.from(storeId),
    freeSpaceMin: volumeFreeMin,
    onFault: fault => {
      report(toReport(fault))
    },
    ...(files === undefined ? {} : { files })
  })
}

/** As they came with a message, which makes plain bytes of a Buffer. */
export function receiveVolumes(volumes: readonly VolumeDescription[]): VolumeDescription[] {
  return volumes.map(volume => ({ ...volume, id: Buffer.from(volume.id) }))
}

/** What the writers of a thread tell, as messages to the main thread. */
export function segmentsTold(tell: (message: FromWorker) => void): SegmentEvents {
  return {
    begun: place => {
      tell({ kind: 'segment', event: 'begun', place })
    },
    left: place => {
      tell({ kind: 'segment', event: 'left', place })
    }
  }
}

export function toReport(fault: VolumeFault): FaultReport {
  const { extentId, ...rest } = fault
  return { ...rest, ...(extentId === undefined ? {} : { extentId: extentId.toString('hex') }) }
}

export function buildContext(
  {
    masterKeys,
    defaultLocation,
    epoch: memory,
    reads,
    objectSequences,
    writes
  }: Pick<
    SharedParts,
    'masterKeys' | 'defaultLocation' | 'epoch' | 'reads' | 'writes' | 'objectSequences'
  >,
  {
    metadata,
    committer,
    volumes,
    report,
    thread,
    requireRoom = () => undefined,
    segments,
    writeBufferSize,
    memoryTierSize
  }: {
    metadata: Engine
    committer: Committer
    volumes: VolumeSet
    report: (fault: FaultReport) => void
    /** Its place among those that read. */
    thread: number
    requireRoom?: () => void
    /** Told of the segments that are written to. */
    segments?: SegmentEvents
    writeBufferSize: number
    memoryTierSize: number
  }
): StoreContext {
  const keyring = new Keyring(masterKeys)
  const epoch = new ConfigurationEpoch(memory)

  return {
    metadata,
    committer,
    buckets: new BucketCatalog(metadata, keyring, epoch),
    objects: new ObjectCatalog(metadata, new ObjectSequences(objectSequences)),
    reader: new ExtentReader({
      volumes,
      onFault: fault => {
        report(toReport(fault))
      },
      memory: new MemoryTier(memoryTierSize)
    }),
    reads: new OperationRegister(reads, thread),
    writer: new ExtentWriter({ volumes, segments }),
    writes: new OperationRegister(writes, thread),
    hashers: new Hashers(hasherCountMax),
    keyring,
    epoch,
    defaultLocation,
    requireRoom,
    now: Date.now,
    writeBufferSize,
    writers: { count: 0 }
  }
}
