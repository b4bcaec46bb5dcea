/**
 * What a daemon is started with: the configuration as its parts take it, and where its files are.
 */

import type { Compat } from '../src/gateway/compat.ts'
import type { KeySource } from './key-source.ts'
import type { SpaceSettings } from './space.ts'

export interface DaemonSettings {
  host: string
  /** 0 means any free port. */
  port: number
  domains: string[]
  compat: Compat
  threadCount: number
  engine: 'rocksdb' | 'classic-level'
  metadataPath: string
  volumesPath: string
  runPath: string
  /** The unix socket of gateway thread `n`. */
  socketPath: (n: number) => string
  keySource: KeySource
  stopTimeoutMs: number
  lifecycleIntervalMs: number
  /** Bytes a second. */
  scrubRate: number
  /** From the start of one round to that of the next; 0: only when it is asked for. */
  scrubPeriodMs: number
  /** Bytes a second. */
  repairRate: number
  /** From a volume's failure on. */
  repairDelayMs: number
  /** Bytes that are left free on each volume. */
  volumeFreeMin: number
  /** Whether commits go to a journal on the volumes, too. */
  hasJournal: boolean
  snapshotIntervalMs: number
  /** Bytes that writes leave free on the disk of the metadata. */
  metadataReserve: number
  space: SpaceSettings
  /** Made at the first start, if asked for. */
  firstBucket: string | undefined
  logLevel: string
}
