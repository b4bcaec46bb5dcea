/**
 * Gives memory back when a thread has come to rest: V8 collects when a heap has grown, and one that rests does not grow, so that
 * what a burst of work left would stay for ever.
 *
 * A thread that has done next to nothing for a while, and has taken notable memory since it last collected, is made to
 * collect: once for each time that it comes to rest. Not sooner, nor for little: such a collection takes compiled code away, too, and
 * what comes next costs half as much again until it is compiled anew.
 */

import { performance, type EventLoopUtilization } from 'node:perf_hooks'
import { memoryUsage } from 'node:process'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** How often a thread looks at itself, milliseconds. */
const intervalMs = 5_000
/** Looks in a row that have to find it resting. */
const restCount = 6
/** The share of the time that a resting thread may be busy. */
const busyMax = 0.02
/** Bytes, in the heap and held by what is in it: less is not worth the time. */
const growthMin = 16 * 1024 * 1024

/** Of the thread that calls it, for as long as that lives; keeps nothing alive. */
export function collectWhenIdle(): void {
  // There is no other way to the collector: contexts that are made after this have it.
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  let collected = heldBytes()
  let rested = 0
  let before: EventLoopUtilization = performance.eventLoopUtilization()

  setInterval(() => {
    const now = performance.eventLoopUtilization()
    const { utilization } = performance.eventLoopUtilization(now, before)
    before = now
    rested = utilization > busyMax ? 0 : rested + 1
    if (rested < restCount || heldBytes() < collected + growthMin) return

    collect()
    collected = heldBytes()
  }, intervalMs).unref()
}

function heldBytes(): number {
  const { heapTotal, external } = memoryUsage()

  return heapTotal + external
}
