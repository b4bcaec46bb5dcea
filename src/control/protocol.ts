/**
 * The control protocol: what local programs ask the daemon, and order it to do.
 *
 * HTTP/1.1 with JSON over the unix socket `run/control.sock`, which only its owner can open. Paths begin with the
 * version. An error is a document of `ErrorDocument` with a status of 400 or more.
 *
 *     GET  /v1/status         -> Status
 *     POST /v1/stop           -> {}             answered before the daemon stops
 *     GET  /v1/credentials    -> CredentialDocument[]
 *     POST /v1/presign        PresignDocument -> { url }
 *
 * Objects and buckets have the sockets that `Status.sockets` lists: S3 itself, without signatures.
 */

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
  /** Newest last. */
  faults: FaultStatus[]
}

export interface LocationStatus {
  name: string
  replicaCount: number
  replicaCountMin: number
}

export interface VolumeStatus {
  number: number
  path: string
  location: string
  failureDomain: string
  state: 'active' | 'full' | 'failed'
  reason?: string
  /** Bytes. */
  free: number
  total: number
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

export interface CredentialDocument {
  accessKeyId: string
  secretAccessKey: string
  description: string
  /** ISO 8601. */
  created: string
}

export interface PresignDocument {
  method: 'GET' | 'HEAD' | 'PUT' | 'DELETE'
  bucket: string
  key: string
  /** 1 to 604800. */
  expiresSeconds: number
}

export interface ErrorDocument {
  code: string
  message: string
  hint?: string
}
