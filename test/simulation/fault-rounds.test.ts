// 40 faults here; more with R2D_FAULTS, from another seed with R2D_SEED.

import { randomInt } from 'node:crypto'
import test from 'ava'
import { runFaultRounds } from './fault-rounds.ts'

const wanted = Number(process.env['R2D_FAULTS'] ?? 40)
const seed = Number(process.env['R2D_SEED'] ?? randomInt(1_000_000_000))

test('whatever one disk does, what was acknowledged is read from the other, and repaired', async t => {
  t.timeout(Math.max(240_000, wanted * 2000))
  const figures = await runFaultRounds(seed, wanted)
  t.log(`seed ${seed}: ${JSON.stringify(figures)}`)
  t.true(figures.faults >= wanted)
  t.true(figures.repaired > 0)
  t.true(figures.acknowledged > figures.refused, 'one disk of three keeps nobody from writing')
})
