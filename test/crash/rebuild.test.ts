// Writers against a daemon that is killed, whose metadata directory is then deleted, and made again from the volumes.
//
// R2D_REBUILD_ROUNDS=100 npx ava dist/test/crash/rebuild.test.js runs it for longer; R2D_REBUILD_SEED=n chooses the damage.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { randomInt } from 'node:crypto'
import { open, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import test from 'ava'
import { Random } from '../simulation/random.ts'
import { daemonHome, environmentOf, root } from '../daemon/daemon-process.ts'
import { runKillRounds } from './kill-rounds.ts'

const rounds = Number(process.env['R2D_REBUILD_ROUNDS'] ?? 6)
const seed = Number(process.env['R2D_REBUILD_SEED'] ?? randomInt(1_000_000))

test('with the metadata directory deleted after a SIGKILL, and one volume damaged, a rebuild brings back every acknowledged object', async t => {
  t.timeout(rounds * 60_000)
  const home = await daemonHome(t)
  const random = new Random(seed)
  const done = { rebuilds: 0, rebuildsKilled: 0, bitsFlipped: 0, filesDeleted: 0, restarts: 0 }

  const figures = await runKillRounds(home, rounds, {}, async () => {
    // A plain restart now and then, so that the next rebuild has the journals of several terms to go through.
    if (random.chance(0.25)) {
      done.restarts++
      return
    }
    await rm(join(home, 'metadata'), { recursive: true })
    await damage(join(home, 'volumes', `volume-${1 + random.below(3)}`), random, done)
    const isKilled = random.chance(0.4)
    if (isKilled) {
      await rebuild(home, 100 + random.below(900))
      done.rebuildsKilled++
    }
    const { code, output } = await rebuild(home)
    // One that was killed may have been done.
    assert(code === 0 || (code === 5 && isKilled), output)
    done.rebuilds++
  })

  t.log({ seed, ...done, ...figures })
  t.is(figures.rounds, rounds)
  t.true(done.rebuilds > 0)
  t.true(figures.acknowledged > rounds)
})

/** What one volume has of the metadata is flipped in places, or deleted. */
async function damage(
  volume: string,
  random: Random,
  done: { bitsFlipped: number; filesDeleted: number }
): Promise<void> {
  for (const folder of ['journal', 'snapshots']) {
    const names = await readdir(join(volume, folder)).catch(() => [])
    for (const name of names) {
      const path = join(volume, folder, name)
      if (random.chance(0.2)) {
        await rm(path)
        done.filesDeleted++
        continue
      }
      const { size } = await stat(path)
      if (size === 0) continue
      const file = await open(path, 'r+')
      for (let n = 0; n < 3; n++) {
        const byte = Buffer.alloc(1)
        const at = random.below(size)
        await file.read(byte, 0, 1, at)
        byte[0] = (byte[0] ?? 0) ^ (1 << random.below(8))
        await file.write(byte, 0, 1, at)
        done.bitsFlipped++
      }
      await file.close()
    }
  }
}

async function rebuild(
  home: string,
  killAfterMs?: number
): Promise<{ code: number | null; output: string }> {
  const child = spawn(process.execPath, [join(root, 'bin/r2d'), 'meta', 'rebuild'], {
    env: environmentOf(home),
    stdio: ['ignore', 'ignore', 'pipe']
  })
  let output = ''
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()))
  const closed = once(child, 'close')
  if (killAfterMs !== undefined) {
    await Promise.race([delay(killAfterMs), closed])
    child.kill('SIGKILL')
  }
  await closed
  return { code: child.exitCode, output }
}
