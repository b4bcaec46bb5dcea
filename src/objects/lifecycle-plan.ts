/**
 * A bucket's lifecycle rules, arranged to be asked about one object: when does it expire, what is due for it now.
 *
 * An age counts from the upload to the millisecond, and is not rounded up to a midnight. A date is due for whatever is
 * uploaded after it, too. Where a transition comes less than a day before the expiry, only the expiry is done.
 */

import type { LifecycleCondition, LifecycleRule } from '../metadata/lifecycle-record.ts'
import type { Expiration } from './store.ts'

const dayMs = 86_400_000

export class LifecyclePlan {
  /** Distinct conditions of the rules that are about objects, oldest first among ages. */
  readonly conditions: readonly LifecycleCondition[]
  /** The least age, milliseconds, at which any upload is to be aborted; undefined if none is. */
  readonly abortAgeMin: number | undefined
  /** By the prefix's bytes. */
  readonly #rules = new Map<string, LifecycleRule[]>()
  /** Distinct lengths of prefixes, ascending. */
  readonly #prefixSizes: readonly number[]

  constructor(rules: readonly LifecycleRule[]) {
    const conditions = new Map<string, LifecycleCondition>()
    for (const rule of rules) {
      if (!rule.isEnabled) continue
      for (const condition of [rule.expiration, rule.transition]) {
        if (condition !== undefined) conditions.set(JSON.stringify(condition), condition)
      }
      // Keys are stored in NFC.
      const prefix = Buffer.from(rule.prefix.normalize('NFC')).toString('latin1')
      const others = this.#rules.get(prefix)
      if (others === undefined) this.#rules.set(prefix, [rule])
      else others.push(rule)
    }
    this.conditions = [...conditions.values()]
    const ages = rules.flatMap(({ isEnabled, abortAge }) =>
      isEnabled && abortAge !== undefined ? [abortAge * 1000] : []
    )
    this.abortAgeMin = ages.length === 0 ? undefined : Math.min(...ages)
    const sizes = [...this.#rules.keys()].map(prefix => prefix.length)
    this.#prefixSizes = [...new Set(sizes)].sort((a, b) => a - b)
  }

  /** When the object goes, and by which rule; undefined if no rule says so. `key` as `normalizeKey` gives it. */
  expiration(key: Buffer, uploaded: number): Expiration | undefined {
    let first: Expiration | undefined
    for (const rule of this.#matching(key)) {
      if (rule.expiration === undefined) continue
      const time = dueTime(rule.expiration, uploaded)
      if (first === undefined || time < first.time) first = { ruleId: rule.id, time }
    }
    return first
  }

  due(key: Buffer, uploaded: number, now: number): 'expire' | 'transition' | undefined {
    const expiry = this.expiration(key, uploaded)?.time ?? Infinity
    if (expiry <= now) return 'expire'

    for (const { transition } of this.#matching(key)) {
      if (transition === undefined) continue
      const time = dueTime(transition, uploaded)
      if (time <= now && expiry - time >= dayMs) return 'transition'
    }
    return undefined
  }

  /** When an upload of `key` that was begun at `initiated` is to be aborted, if it is not complete by then. */
  abortTime(key: Buffer, initiated: number): number | undefined {
    let first: number | undefined
    for (const { abortAge } of this.#matching(key)) {
      if (abortAge === undefined) continue
      const time = initiated + abortAge * 1000
      if (first === undefined || time < first) first = time
    }
    return first
  }

  *#matching(key: Buffer): Generator<LifecycleRule, void, undefined> {
    for (const size of this.#prefixSizes) {
      if (size > key.length) return
      yield* this.#rules.get(key.toString('latin1', 0, size)) ?? []
    }
  }
}

/** Milliseconds since the epoch. */
function dueTime(condition: LifecycleCondition, uploaded: number): number {
  return condition.kind === 'age'
    ? uploaded + condition.seconds * 1000
    : Math.max(condition.time, uploaded)
}
