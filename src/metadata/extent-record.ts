/**
 * The extent record: where an extent's replicas are, and how many manifests hold it.
 */

/** One stored copy. */
export interface Replica {
  /** The volume's number in this store: at least 1, never reused. */
  volume: number
  /** The segment's number in the volume. */
  segment: number
  /** Of the record's first byte in the segment, bytes. */
  offset: number
}

export interface ExtentRecord {
  /** Bytes of plaintext: 1 to extentSizeMax. */
  size: number
  /** Object records and manifest pages with a slice of it. At least 1. */
  references: number
  replicas: Replica[]
}
