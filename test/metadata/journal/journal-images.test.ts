// R2D_JOURNAL_SEEDS=1000 npx ava dist/test/metadata/journal/journal-images.test.js runs it for longer; R2D_JOURNAL_SEED=n one seed.

import test from 'ava'
import { runJournalImages } from './journal-images.ts'

const seedCount = Number(process.env['R2D_JOURNAL_SEEDS'] ?? 30)
const only = process.env['R2D_JOURNAL_SEED']

test('at any step a power cut leaves journal and engine such that each, and both, have what was acknowledged', async t => {
  t.timeout(seedCount * 20_000)
  const seeds = only === undefined ? Array.from({ length: seedCount }, (_, n) => n) : [Number(only)]
  const total = { images: 0, acknowledged: 0, failed: 0, snapshots: 0, rolledForward: 0, found: 0 }
  for (const seed of seeds) {
    const figures = await runJournalImages(seed)
    total.images += figures.images
    total.acknowledged += figures.acknowledged
    total.failed += figures.failed
    total.snapshots += figures.snapshots
    total.rolledForward += figures.rolledForward
    total.found += figures.found
  }

  t.log(total)
  t.true(total.images > 10 * seeds.length)
  t.true(total.acknowledged > 0)
  if (only !== undefined) return
  t.true(total.rolledForward > 0)
  t.true(total.found > 0)
  t.true(total.failed > 0)
  t.true(total.snapshots > 0)
})
