/**
 * The control protocol: what local programs ask the daemon, and order it to do.
 *
 * HTTP/1.1 with JSON over the unix socket `run/control.sock`, which only its owner can open. Paths begin with the
 * version. An error is a document of `ErrorDocument` with a status of 400 or more.
 *
 *     GET  /v1/status         -> Status
 *     POST /v1/stop           -> {}             answered before the daemon stops
 *     POST /v1/snapshots      -> { request }    a snapshot is made; GET says when the request is done
 *     GET  /v1/snapshots      -> SnapshotsDocument
 *     GET  /v1/credentials    -> CredentialDocument[]
 *     POST /v1/presign        PresignDocument -> { url }
 *
 *     GET  /v1/access-keys     -> AccessKeyDocument[]
 *     POST /v1/access-keys     NewAccessKeyDocument -> CredentialDocument
 *     POST /v1/access-keys/revoke  { accessKeyId } -> {}
 *     GET  /v1/key             -> KeyStatus
 *     POST /v1/key/rotate      -> KeyStatus     answered once the rotation is begun
 *     POST /v1/key/passphrase  PassphraseDocument -> KeyStatus
 *
 *     GET  /v1/scrub           -> ScrubStatus
 *     POST /v1/scrub/start     -> ScrubStatus   likewise pause, resume
 *
 * Volumes, locations and replicas: volume-protocol.ts. Trash: trash-protocol.ts.
 *
 * Objects and buckets have the sockets that `Status.sockets` lists: S3 itself, without signatures.
 */

import type { LocationStatus } from './volume-protocol.ts'

export interface Status {
  version: string
  pid: number
  /** ISO 8601. */
  started: string
  home: string
  /** `http://host:port` */
  endpoint: string
  region: string
  engine: string
  /** The disk of the metadata, bytes; `isShort`: writes are refused. */
  metadataDisk: { free: number; total: number; isShort: boolean }
  /** What the volumes have of the metadata. */
  journal: { isOn: boolean; snapshots: SnapshotsDocument }
  /** Gateway threads, and how many threads have been replaced since the start. */
  threads: number
  threadsReplaced: number
  /** Unix sockets that speak S3 without signatures, one a gateway thread. */
  sockets: string[]
  storeId: string
  locations: LocationStatus[]
  volumes: VolumeStatus[]
  counters: {
    requests: number
    failures: number
    active: number
    received: number
    sent: number
    cacheHits: number
    cacheMisses: number
    volumeFaults: number
  }
  repair: RepairStatus
  scrub: ScrubStatus
  compaction: CompactionStatus
  /** Newest last. */
  faults: FaultStatus[]
}

export interface ScrubStatus {
  state: 'running' | 'paused' | 'done'
  /** Of the round, ISO 8601; absent before the first, or while it is not over. */
  started?: string
  finished?: string
  segmentsDone: number
  /** When the round began. */
  segmentCount: number
  /** Verified in this round. */
  bytes: number
  /** Found in this round, in dead bytes, too. */
  damages: number
  /** Extents that were queued for repair in this round. */
  noted: number
  /** Bytes a second, of late. */
  rate: number
}

export interface RepairStatus {
  /** Extents that are known not to be whole, and the bytes that are to be copied for them. */
  extents: number
  bytes: number
  /** Of those that were looked at last, the ones of which no replica is right. */
  lost: number
  /** Extents that reads met a bad replica of, and that are not looked at yet. */
  queued: number
  /** Since the start: extents that were made whole, and bytes copied. */
  repairedExtents: number
  repairedBytes: number
  /** Bytes a second, of late. */
  rate: number
  /** Until all are whole; absent where that is not to be foreseen. */
  secondsLeft?: number
}

/** How space was given back, since the start. */
export interface CompactionStatus {
  /** Segments whose files are gone, and bytes of those. */
  segments: number
  removed: number
  /** Bytes of records that were moved. */
  moved: number
  /** Segments that wait for a repair. */
  held: number
  last?: {
    /** ISO 8601. */
    time: string
    volume: number
    segment: number
    /** Bytes that came back, and bytes that were moved. */
    reclaimed: number
    moved: number
  }
}

export interface VolumeStatus {
  number: number
  path: string
  location: string
  failureDomain: string
  state: 'active' | 'full' | 'draining' | 'failed' | 'lost'
  reason?: string
  /** Bytes. */
  free: number
  total: number
  /** Bytes of segments, and of these, bytes that nothing refers to. */
  used: number
  dead: number
  faults: number
}

export interface FaultStatus {
  /** ISO 8601. */
  time: string
  kind: string
  volume: number
  reason: string
  segment?: number
  offset?: number
  extentId?: string
}

export interface SnapshotDocument {
  /** Milliseconds since the epoch: its name. */
  number: number
  /** ISO 8601. */
  time: string
  rows: number
  /** Of the rows. */
  bytes: number
  chunks: number
  /** The journal position that it is of. */
  term: number
  sequence: number
  copies: { volume: number; path: string }[]
}

export interface SnapshotsDocument {
  /** The last request that was fulfilled. */
  done: number
  /** The last request that was not. */
  failed?: { request: number; code: string; message: string }
  /** The one that is being made. */
  running?: { rows: number }
  newest?: SnapshotDocument
}

export interface CredentialDocument {
  accessKeyId: string
  secretAccessKey: string
  description: string
  /** ISO 8601. */
  created: string
}

/** Without its secret. */
export type AccessKeyDocument = Omit<CredentialDocument, 'secretAccessKey'>

export interface NewAccessKeyDocument {
  description: string
}

export interface PresignDocument {
  method: 'GET' | 'HEAD' | 'PUT' | 'DELETE'
  bucket: string
  key: string
  /** 1 to 604800. */
  expiresSeconds: number
}

/** Of the master key. Names only: the key itself is never sent. */
export interface KeyStatus {
  storeId: string
  source: 'file' | 'environment' | 'command'
  /** Of the key file. */
  path?: string
  isUnderPassphrase?: boolean
  /** 16 hex digits. */
  keyId: string
  /** ISO 8601: when the store began to use it. */
  since: string
  /** While `keyId` is on its way out. */
  rotation?: KeyRotationStatus
}

export interface KeyRotationStatus {
  /** Of the key that is to be the store's. */
  keyId: string
  since: string
  /** Looked at since the rotation was begun or gone on with. */
  rows: number
  /** Why it does not go on now; it is tried again. */
  problem?: string
}

export interface PassphraseDocument {
  /** Absent: the key file is under none. */
  current?: string
  /** Absent: it is to be under none. */
  next?: string
}

export interface ErrorDocument {
  code: string
  message: string
  hint?: string
}
