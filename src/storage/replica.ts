/**
 * A replica: one stored copy of one extent, at a place that never changes.
 */

export interface Replica {
  /** The volume's number in this store: at least 1, never reused. */
  volume: number
  /** The segment's number in the volume. */
  segment: number
  /** Of the record's first byte in the segment. */
  offset: number
}
