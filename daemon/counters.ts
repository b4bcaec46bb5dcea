/**
 * What a gateway has done since it started, as the status shows it.
 */

export interface Counters {
  requests: number
  /** Answers with a status of 500 or more. */
  failures: number
  /** Requests being served now. */
  active: number
  /** Bytes over connections, heads included. */
  received: number
  sent: number
  /** Reads of small extents that memory answered, and those that went to a volume. */
  cacheHits: number
  cacheMisses: number
}

export function zeroCounters(): Counters {
  return { requests: 0, failures: 0, active: 0, received: 0, sent: 0, cacheHits: 0, cacheMisses: 0 }
}

export function sumCounters(a: Counters, b: Counters): Counters {
  return {
    requests: a.requests + b.requests,
    failures: a.failures + b.failures,
    active: a.active + b.active,
    received: a.received + b.received,
    sent: a.sent + b.sent,
    cacheHits: a.cacheHits + b.cacheHits,
    cacheMisses: a.cacheMisses + b.cacheMisses
  }
}
