/**
 * The location record: a named set of volumes and how many replicas an extent has there. Keyed by name.
 */

export interface LocationRecord {
  replicaCount: number
}
