/**
 * The part of the control protocol that is about volumes and replicas.
 *
 *     GET  /v1/volumes              -> VolumeDocument[]
 *     GET  /v1/volumes/N            -> VolumeDetail             counted by a scan of all extents
 *     POST /v1/volumes/add          AddVolumeDocument -> VolumeDocument
 *     POST /v1/volumes/drain        VolumeOrder -> VolumeDocument
 *     POST /v1/volumes/undrain      VolumeOrder -> VolumeDocument
 *     POST /v1/volumes/remove       RemoveVolumeDocument -> VolumeDocument
 *     POST /v1/volumes/repair       RepairVolumeDocument -> RepairVolumeAnswer
 *     GET  /v1/locations            -> LocationStatus[]
 *     POST /v1/locations/set        LocationStatus -> LocationStatus[]
 *     POST /v1/buckets/replicas     { bucket } -> BucketReplicas
 *     POST /v1/buckets/replicas/set SetBucketReplicas -> BucketReplicas
 */

export interface LocationStatus {
  name: string
  /** Replicas that an extent is to have, and the fewest with which a write is acknowledged. */
  replicaCount: number
  replicaCountMin: number
}

export interface VolumeDocument {
  number: number
  path: string
  location: string
  /** As its row says; empty: the device. */
  failureDomain: string
  state: 'active' | 'full' | 'failed' | 'draining' | 'lost' | 'removed'
  reason?: string
  /** Bytes; zero, if it cannot be asked. */
  free: number
  total: number
  faults: number
}

export interface VolumeDetail extends VolumeDocument {
  /** 32 hex digits. */
  id: string
  /** Extents with a replica on it, and their bytes of plaintext. */
  extents: number
  bytes: number
  /** Of the extents: those that no other volume that can be read has. */
  extentsOnlyHere: number
}

export interface AddVolumeDocument {
  /** Absolute. */
  path: string
  /** Absent: the store's default. */
  location?: string
  /** Absent: the device. */
  failureDomain?: string
}

export interface VolumeOrder {
  number: number
}

export interface RemoveVolumeDocument extends VolumeOrder {
  /** What is on it counts for nothing from now on. */
  isForced: boolean
  acceptsLoss: boolean
}

export interface RepairVolumeDocument extends VolumeOrder {
  acceptsLoss: boolean
}

export interface RepairVolumeAnswer {
  /** `active`: there was nothing to do; `replaced`: by a new volume at the same place. */
  outcome: 'active' | 'reactivated' | 'replaced'
  volume: VolumeDocument
}

export interface SetBucketReplicas {
  bucket: string
  /** Both absent: as its location has it. */
  replicaCount?: number
  replicaCountMin?: number
}

export interface BucketReplicas {
  bucket: string
  location: string
  /** Whether the bucket has a policy of its own. */
  isOwn: boolean
  replicaCount: number
  replicaCountMin: number
}
