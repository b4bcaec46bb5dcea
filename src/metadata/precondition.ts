/**
 * Preconditions: what a client requires of a key's current version.
 *
 * RFC 9110 section 13, in the order that it gives: If-Match, else If-Unmodified-Since; then
 * If-None-Match, else If-Modified-Since. For a write, any that does not hold refuses it. For a read, the first pair
 * refuses and the second answers "not modified". Dates compare as whole seconds.
 */

export type EntityTag = '*' | { tag: string; weak: boolean }

export interface Precondition {
  /** ETags without quotes. */
  ifMatch?: EntityTag[]
  ifNoneMatch?: EntityTag[]
  /** Milliseconds since the epoch, whole seconds. */
  ifModifiedSince?: number
  ifUnmodifiedSince?: number
  /** Of deletes: bytes, and milliseconds since the epoch in whole seconds. */
  ifMatchSize?: number
  ifMatchTime?: number
}

/** What a precondition looks at. Absent: there is no object. */
export interface Validators {
  etag: string
  /** Bytes. */
  size: number
  /** Milliseconds since the epoch. */
  uploaded: number
}

export type Verdict = 'holds' | 'failed' | 'not-modified'

export function evaluate(precondition: Precondition, current: Validators | undefined): Verdict {
  const { ifMatch, ifNoneMatch, ifModifiedSince, ifUnmodifiedSince } = precondition
  const { ifMatchSize, ifMatchTime } = precondition

  if (ifMatchSize !== undefined && current?.size !== ifMatchSize) return 'failed'
  if (ifMatchTime !== undefined) {
    if (current === undefined || wholeSeconds(current.uploaded) !== ifMatchTime) return 'failed'
  }
  if (ifMatch !== undefined) {
    if (current === undefined || !ifMatch.some(tag => matchesStrongly(tag, current)))
      return 'failed'
  } else if (ifUnmodifiedSince !== undefined && current !== undefined) {
    if (wholeSeconds(current.uploaded) > ifUnmodifiedSince) return 'failed'
  }

  if (ifNoneMatch !== undefined) {
    if (current !== undefined && ifNoneMatch.some(tag => matchesWeakly(tag, current))) {
      return 'not-modified'
    }
  } else if (ifModifiedSince !== undefined) {
    // R2: an object that is not there fails it, as an unmodified one does.
    if (current === undefined || wholeSeconds(current.uploaded) <= ifModifiedSince) {
      return 'not-modified'
    }
  }

  return 'holds'
}

function matchesStrongly(expected: EntityTag, current: Validators): boolean {
  return expected === '*' || (!expected.weak && expected.tag === current.etag)
}

function matchesWeakly(expected: EntityTag, current: Validators): boolean {
  return expected === '*' || expected.tag === current.etag
}

function wholeSeconds(time: number): number {
  return Math.floor(time / 1000) * 1000
}
