// 500 crash images here; more with R2D_CRASH_IMAGES, from another seed with R2D_SEED.

import { randomInt } from 'node:crypto'
import test from 'ava'
import { runCrashImages, type ImageFigures } from './crash-images.ts'

const wanted = Number(process.env['R2D_CRASH_IMAGES'] ?? 500)
const firstSeed = Number(process.env['R2D_SEED'] ?? randomInt(1_000_000_000))
const imagesPerRun = 40

test('whatever a power cut leaves of the disk, everything acknowledged is there, whole', async t => {
  t.timeout(Math.max(240_000, wanted * 500))
  const total: ImageFigures = { images: 0, checked: 0, acknowledged: 0, found: 0 }
  let seed = firstSeed
  for (; total.images < wanted; seed++) {
    const figures = await runCrashImages(seed, Math.min(imagesPerRun, wanted - total.images))
    for (const name of ['images', 'checked', 'acknowledged', 'found'] as const) {
      total[name] += figures[name]
    }
  }
  t.log(`seeds ${firstSeed} to ${seed - 1}: ${JSON.stringify(total)}`)
  t.true(total.checked > wanted)
  t.true(total.found > 0, 'crashes in the middle of writes were among them')
})
