// The register of reads: a number is past exactly when every read that began at it, in any thread, has ended.

import assert from 'node:assert/strict'
import test from 'ava'
import fc from 'fast-check'
import { ReadEpochs, ReadRegister } from '../../src/metadata/read-register.ts'

type Step = { kind: 'begin'; thread: number } | { kind: 'end'; at: number } | { kind: 'advance' }

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant('begin' as const), thread: fc.nat(2) }),
  fc.record({ kind: fc.constant('end' as const), at: fc.nat() }),
  fc.constant({ kind: 'advance' as const })
)

test('a number is past once all reads that began at it or before have ended, in whatever order', t => {
  const property = fc.property(fc.array(step, { maxLength: 60 }), steps => {
    const epochs = new ReadEpochs(3)
    const threads = [0, 1, 2].map(thread => new ReadRegister(epochs.memory, thread))
    const underWay: { epoch: number; end: () => void }[] = []
    let current = 1
    for (const each of steps) {
      switch (each.kind) {
        case 'begin': {
          const end = threads[each.thread]?.begin()
          assert(end !== undefined)
          underWay.push({ epoch: current, end })
          break
        }
        case 'end': {
          const [read] = underWay.splice(each.at % Math.max(1, underWay.length), 1)
          read?.end()
          // Twice is as once.
          read?.end()
          break
        }
        case 'advance':
          assert.equal(epochs.advance(), current)
          current++
          break
      }
      for (let epoch = 1; epoch <= current; epoch++) {
        assert.equal(
          epochs.isPast(epoch),
          underWay.every(read => read.epoch > epoch)
        )
      }
    }
  })

  t.notThrows(() => {
    fc.assert(property)
  })
})

test('the reads of a thread that has ended are not waited for, nor those of the one before it', t => {
  const epochs = new ReadEpochs(2)
  new ReadRegister(epochs.memory, 0).begin()
  new ReadRegister(epochs.memory, 1).begin()
  const epoch = epochs.advance()
  t.false(epochs.isPast(epoch))

  epochs.clear(0)
  t.false(epochs.isPast(epoch))
  const replaced = new ReadRegister(epochs.memory, 1)
  t.true(epochs.isPast(epoch))
  replaced.begin()
  t.true(epochs.isPast(epoch))
})
