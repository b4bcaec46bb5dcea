/**
 * Spans and moments of time on the command line.
 */

import { R2dError } from '../errors.ts'

const secondsOf: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 }

/** Seconds: `90s`, `15m`, `12h`, `7d`, `2w`. Undefined for what is no span. */
export function parseSpan(text: string): number | undefined {
  const match = /^(\d{1,7})([smhdw])$/.exec(text)
  return match === null ? undefined : Number(match[1]) * (secondsOf[match[2] ?? ''] ?? 0)
}

/** A span before `now`, or a date with a time. Milliseconds since the epoch. */
export function parseMoment(text: string, now: number): number {
  const span = parseSpan(text)
  if (span !== undefined) return now - span * 1000
  const time = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : Number.NaN
  if (Number.isSafeInteger(time)) return time

  throw new R2dError('R2D_INVALID_CONFIG', `${JSON.stringify(text)} is not a moment`, {
    hint: 'Write it as 2h, 7d, or 2026-11-24T15:00:00Z'
  })
}
