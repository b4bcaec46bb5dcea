// R2D_CRASH_ROUNDS=500 npx ava dist/test/crash/kill.test.js runs it for longer.

import test from 'ava'
import { daemonHome } from '../daemon/daemon-process.ts'
import { runKillRounds } from './kill-rounds.ts'

const rounds = Number(process.env['R2D_CRASH_ROUNDS'] ?? 30)

test('whatever was acknowledged before a SIGKILL is there after it, and nothing is torn', async t => {
  t.timeout(rounds * 30_000)
  const home = await daemonHome(t)

  const figures = await runKillRounds(home, rounds)

  t.is(figures.rounds, rounds)
  t.true(figures.acknowledged > rounds)
  t.log(figures)
})
