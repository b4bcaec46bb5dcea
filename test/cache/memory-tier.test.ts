// The memory tier: what it gives is what it was given, within its bytes, and a scan does not push out what is used.

import assert from 'node:assert/strict'
import test from 'ava'
import fc from 'fast-check'
import { entryOverhead, MemoryTier } from '../../src/cache/memory-tier.ts'

const frameBytes = 1000
const entrySize = frameBytes + entryOverhead

function idOf(n: number): Buffer {
  const id = Buffer.alloc(16)
  id.writeUInt32BE(n, 12)
  return id
}

function frameOf(n: number): Buffer {
  return Buffer.alloc(frameBytes, n % 251)
}

/** As a reader does: asks, and puts what was not there. */
function read(tier: MemoryTier, n: number): boolean {
  if (tier.get(idOf(n), 0) !== undefined) return true

  tier.put(idOf(n), 0, frameOf(n))
  return false
}

test('whatever comes and goes, it gives what it was given and keeps to its bytes', t => {
  const steps = fc.array(
    fc.record({
      kind: fc.constantFrom('get', 'put', 'drop'),
      extent: fc.nat({ max: 30 }),
      frame: fc.nat({ max: 2 }),
      size: fc.integer({ min: 1, max: 3000 })
    }),
    { maxLength: 400, size: 'max' }
  )
  const property = fc.property(steps, fc.integer({ min: 0, max: 60_000 }), (all, sizeMax) => {
    const tier = new MemoryTier(sizeMax)
    const given = new Map<string, Buffer>()
    for (const { kind, extent, frame, size } of all) {
      const name = `${extent}/${frame}`
      if (kind === 'put') {
        // Immutable: a frame has the same bytes whenever it comes.
        const bytes = given.get(name) ?? Buffer.alloc(size, extent * 3 + frame)
        given.set(name, bytes)
        tier.put(idOf(extent), frame, bytes)
      } else if (kind === 'drop') {
        tier.drop(idOf(extent), frame)
        assert.equal(tier.get(idOf(extent), frame), undefined)
      } else {
        const found = tier.get(idOf(extent), frame)
        if (found !== undefined) assert.deepEqual(found, given.get(name))
      }
      assert(tier.counters.size <= sizeMax)
    }
  })

  t.notThrows(() => {
    fc.assert(property)
  })
})

test('what it was given is a copy', t => {
  const tier = new MemoryTier(100 * entrySize)
  const bytes = frameOf(1)
  tier.put(idOf(1), 0, bytes)

  bytes.fill(0)

  t.deepEqual(tier.get(idOf(1), 0), frameOf(1))
})

test('frames of one extent are told apart', t => {
  const tier = new MemoryTier(100 * entrySize)
  for (let frame = 0; frame < 64; frame++) tier.put(idOf(1), frame, Buffer.alloc(9, frame))

  for (let frame = 0; frame < 64; frame++) {
    t.deepEqual(tier.get(idOf(1), frame), Buffer.alloc(9, frame))
  }
})

test('a scan of a thousand times its size leaves what is in use', t => {
  const tier = new MemoryTier(100 * entrySize)
  const inUse = Array.from({ length: 50 }, (_, n) => n)
  for (let round = 0; round < 5; round++) for (const n of inUse) read(tier, n)

  let hits = 0
  for (let n = 0; n < 100_000; n++) {
    read(tier, 1000 + n)
    if (n % 20 === 0) hits += read(tier, inUse[(n / 20) % inUse.length] ?? 0) ? 1 : 0
  }

  t.is(hits, 5000)
})

test('what has gone unused and comes back soon stays through the next scan', t => {
  const tier = new MemoryTier(100 * entrySize)
  for (let n = 0; n < 100; n++) read(tier, n)
  // Pushes 0 out of `small`, into the ghosts.
  for (let n = 100; n < 130; n++) read(tier, n)
  t.false(read(tier, 0))

  for (let n = 200; n < 260; n++) read(tier, n)

  t.true(read(tier, 0))
})

test('nothing of no size at all, and nothing too large, is held', t => {
  const none = new MemoryTier(0)
  none.put(idOf(1), 0, frameOf(1))
  const little = new MemoryTier(5 * entrySize)
  little.put(idOf(1), 0, frameOf(1))

  t.is(none.get(idOf(1), 0), undefined)
  t.is(little.get(idOf(1), 0), undefined)
})

test('hits and misses are counted', t => {
  const tier = new MemoryTier(100 * entrySize)
  read(tier, 1)
  read(tier, 1)
  read(tier, 2)

  t.deepEqual(tier.counters, { hits: 1, misses: 2, frames: 2, size: 2 * entrySize })
})
