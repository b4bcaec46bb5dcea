/**
 * The lifecycle record: what is to happen to a bucket's objects and uploads when they get old.
 *
 * A row of its own, beside the bucket's: writes need to know only whether their objects have index rows.
 */

import { RowReader, RowWriter } from './row-codec.ts'

/** When: so long after the upload, or from a moment on. */
export type LifecycleCondition =
  | { kind: 'age'; seconds: number }
  | { kind: 'date'; /** Milliseconds since the epoch. */ time: number }

export interface LifecycleRule {
  /** Unique in its bucket. */
  id: string
  isEnabled: boolean
  /** Of keys; empty for all. */
  prefix: string
  expiration: LifecycleCondition | undefined
  /** To STANDARD_IA. */
  transition: LifecycleCondition | undefined
  /** Seconds after which an upload that was not completed is aborted. */
  abortAge: number | undefined
}

/** R2: what every new bucket has. */
export const defaultLifecycle: readonly LifecycleRule[] = [
  {
    id: 'Default Multipart Abort Rule',
    isEnabled: true,
    prefix: '',
    expiration: undefined,
    transition: undefined,
    abortAge: 7 * 86_400
  }
]

/** Whether any rule is about objects: those have to be found by their age. */
export function needsTimeIndex(rules: readonly LifecycleRule[]): boolean {
  return rules.some(
    ({ isEnabled, expiration, transition }) =>
      isEnabled && (expiration !== undefined || transition !== undefined)
  )
}

const bits = {
  enabled: 0x01,
  expirationAge: 0x02,
  expirationDate: 0x04,
  transitionAge: 0x08,
  transitionDate: 0x10,
  abort: 0x20
} as const

export function encodeLifecycleRecord(rules: readonly LifecycleRule[]): Buffer {
  const row = new RowWriter('lifecycle', 1)
  row.unsigned(rules.length)
  for (const { id, isEnabled, prefix, expiration, transition, abortAge } of rules) {
    row.text(id)
    row.text(prefix)
    row.byte(
      (isEnabled ? bits.enabled : 0) |
        conditionBit(expiration, bits.expirationAge, bits.expirationDate) |
        conditionBit(transition, bits.transitionAge, bits.transitionDate) |
        (abortAge === undefined ? 0 : bits.abort)
    )
    if (expiration !== undefined) row.unsigned(conditionValue(expiration))
    if (transition !== undefined) row.unsigned(conditionValue(transition))
    if (abortAge !== undefined) row.unsigned(abortAge)
  }
  return row.finish()
}

export function decodeLifecycleRecord(bytes: Buffer): LifecycleRule[] {
  const row = new RowReader('lifecycle', 1, bytes)
  const rules: LifecycleRule[] = []
  for (let left = row.count(3); left > 0; left--) {
    const id = row.text()
    const prefix = row.text()
    const flags = row.byte()
    if (flags >> 6 !== 0) throw row.corrupt('an action is unknown')
    rules.push({
      id,
      prefix,
      isEnabled: (flags & bits.enabled) !== 0,
      expiration: readCondition(row, flags, bits.expirationAge, bits.expirationDate),
      transition: readCondition(row, flags, bits.transitionAge, bits.transitionDate),
      abortAge: (flags & bits.abort) === 0 ? undefined : row.unsigned()
    })
  }
  row.finish()
  return rules
}

export function isSameCondition(a: LifecycleCondition, b: LifecycleCondition): boolean {
  return a.kind === b.kind && conditionValue(a) === conditionValue(b)
}

export function conditionValue(condition: LifecycleCondition): number {
  return condition.kind === 'age' ? condition.seconds : condition.time
}

export function toCondition(kind: LifecycleCondition['kind'], value: number): LifecycleCondition {
  return kind === 'age' ? { kind, seconds: value } : { kind, time: value }
}

function conditionBit(
  condition: LifecycleCondition | undefined,
  age: number,
  date: number
): number {
  if (condition === undefined) return 0
  return condition.kind === 'age' ? age : date
}

function readCondition(
  row: RowReader,
  flags: number,
  age: number,
  date: number
): LifecycleCondition | undefined {
  const found = flags & (age | date)
  if (found === 0) return undefined
  if (found === (age | date)) throw row.corrupt('an action has two conditions')
  return toCondition(found === age ? 'age' : 'date', row.unsigned())
}
