/**
 * The discard record: what a replaced or deleted object referred to, to be released in the background.
 *
 * Written by the commit that stops referring; keyed by that version's id. It holds no key: with the
 * object record gone, the content cannot be opened any more.
 */

export interface DiscardRecord {
  /** Milliseconds since the epoch. Readers that began before may still be reading. */
  discarded: number
  /** 16 bytes each. */
  extentIds: Buffer[]
  pageIds: Buffer[]
}
