/**
 * What the main thread and its worker threads tell each other.
 */

import type { MessagePort } from 'node:worker_threads'
import type { Compat } from '../src/gateway/compat.ts'
import type { Counters } from './counters.ts'
import type { SegmentEvents, SegmentPlace } from '../src/storage/sealed-segments.ts'
import type { VolumeDescription, VolumeFaultKind } from '../src/storage/volume-set.ts'

/** What every thread needs to reach metadata and volumes. */
export interface SharedParts {
  metadata: { engine: 'rocksdb' | 'classic-level'; path: string; handle: bigint | undefined }
  /** Bytes that writes leave free on the disk of the metadata. */
  metadataReserve: number
  /** 16 bytes. */
  storeId: Uint8Array
  /** Of the Keyring: shared, so that a thread learns of a new master key with the others. */
  masterKeys: SharedArrayBuffer
  volumes: VolumeDescription[]
  /** Bytes that are left free on each volume. */
  volumeFreeMin: number
  defaultLocation: string
  /** Whether commits go to a journal on the volumes, too. */
  hasJournal: boolean
  /** Of the ConfigurationEpoch. */
  epoch: SharedArrayBuffer
  /** Of the OperationEpochs of reads, and of writes. */
  reads: SharedArrayBuffer
  /** Of the ObjectSequences. */
  objectSequences: SharedArrayBuffer
  writes: SharedArrayBuffer
  logLevel: string
}

export interface GatewaySettings {
  /** Its place among the gateways, from 0. */
  thread: number
  host: string
  /** 0 for the first thread means any free port; it reports which. */
  port: number
  /** Gateways that share the port. */
  threadCount: number
  /** The unix socket of this thread. */
  socketPath: string
  /** Host names under which buckets are found as subdomains. */
  domains: string[]
  compat: Compat
  /** Bytes that writes in this thread may hold. */
  writeBufferSize: number
  /** Bytes of the read cache's tier in memory. */
  memoryTierSize: number
}

/** Something that a volume did wrong, as the log and the status show it. */
export interface FaultReport {
  kind: VolumeFaultKind
  volume: number
  reason: string
  errno?: string
  segment?: number
  offset?: number
  extentId?: string
}

export type ToWorker =
  /** `connection`: what the committer calls it when the other side is gone. */
  | { kind: 'committer'; port: MessagePort; connection: number }
  /** To readers: the segment's file is about to go. */
  | { kind: 'retire'; place: SegmentPlace }
  /** To writers: nothing more is to be appended to the segment, if nothing was for so long. */
  | { kind: 'leave-idle'; place: SegmentPlace; idleMs: number }
  /** Which volumes there are from now on; answered with the same id once the thread uses no other. */
  | { kind: 'volumes'; id: number; volumes: VolumeDescription[] }
  /** Finish what is in flight, for at most so many milliseconds, then end. */
  | { kind: 'stop'; timeoutMs: number }

export type VolumesMessage = Extract<ToWorker, { kind: 'volumes' }>

export type FromWorker =
  | { kind: 'ready'; port: number }
  | { kind: 'counters'; counters: Counters }
  | { kind: 'fault'; fault: FaultReport }
  /** A writer of the thread has begun or left a segment. */
  | { kind: 'segment'; event: keyof SegmentEvents; place: SegmentPlace }
  /** From the committer: of what was asked over it, nothing happens any more. */
  | { kind: 'disconnected'; connection: number }
  | {
      kind: 'log'
      level: 'info' | 'warn' | 'error'
      message: string
      fields: Record<string, unknown>
    }
  | { kind: 'volumes'; id: number }
  /** The engine met a full disk: it takes no more writes until it is opened again. */
  | { kind: 'stuck'; reason: string }
  | { kind: 'stopped' }
