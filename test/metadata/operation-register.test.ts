// The register of reads: a number is past exactly when every read that began at it, in any thread, has ended.

import assert from 'node:assert/strict'
import { setImmediate as turn } from 'node:timers/promises'
import test from 'ava'
import fc from 'fast-check'
import { OperationEpochs, OperationRegister } from '../../src/metadata/operation-register.ts'

type Step = { kind: 'begin'; thread: number } | { kind: 'end'; at: number } | { kind: 'advance' }

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant('begin' as const), thread: fc.nat(2) }),
  fc.record({ kind: fc.constant('end' as const), at: fc.nat() }),
  fc.constant({ kind: 'advance' as const })
)

test('a number is past once all reads that began at it or before have ended, in whatever order', t => {
  const property = fc.property(fc.array(step, { maxLength: 60 }), steps => {
    const epochs = new OperationEpochs(3)
    const threads = [0, 1, 2].map(thread => new OperationRegister(epochs.memory, thread))
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

test('a thread that has ended is waited for until nothing happens any more that it asked for, whoever has its place by then', async t => {
  const epochs = new OperationEpochs(2)
  new OperationRegister(epochs.memory, 0).begin()
  const epoch = epochs.advance()
  const settled = Promise.withResolvers<void>()

  epochs.threadEnded(0, settled.promise)
  const next = new OperationRegister(epochs.memory, 0)
  next.begin()()

  t.false(epochs.isPast(epoch))
  settled.resolve()
  await turn()
  t.true(epochs.isPast(epoch))
  next.begin()
  t.true(epochs.isPast(epoch))
  t.false(epochs.isPast(epoch + 1))
})
