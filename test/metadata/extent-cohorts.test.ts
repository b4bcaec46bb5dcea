// Small extents in step: what is asked for at once is synced at once, and resolves at once.

import { setImmediate as turn } from 'node:timers/promises'
import test from 'ava'
import { ExtentCohorts } from '../../src/metadata/extent-cohorts.ts'
import { ExtentWriter } from '../../src/storage/extent-writer.ts'
import { FaultyFiles } from '../faults/faulty-files.ts'
import { makeExtent, openVolumes, policy } from '../storage/open-volumes.ts'

test('a hundred extents that are written at once cost one sync a replica, and resolve in one turn', async t => {
  const files = new FaultyFiles()
  const { volumes } = await openVolumes(t, files)
  const writer = new ExtentWriter({ volumes })
  const cohorts = new ExtentCohorts(writer)
  // Begins the segments.
  await cohorts.write({ extent: makeExtent(100).extent, policy })
  files.syncs = 0

  let resolved = 0
  const writes = Array.from({ length: 100 }, async () => {
    const replicas = await cohorts.write({ extent: makeExtent(100).extent, policy })
    resolved++
    return replicas
  })
  await writes[0]
  await turn()

  t.is(resolved, 100)
  t.is(files.syncs, policy.replicaCount)
  const places = (await Promise.all(writes))
    .flat()
    .map(({ volume, segment, offset }) => `${volume}/${segment}/${offset}`)
  t.is(new Set(places).size, 200)
  await writer.close()
})

test('what comes while a cohort is being written is the next one', async t => {
  const files = new FaultyFiles()
  const { volumes } = await openVolumes(t, files)
  const writer = new ExtentWriter({ volumes })
  const cohorts = new ExtentCohorts(writer)

  const first = cohorts.write({ extent: makeExtent(100).extent, policy })
  await turn()
  const others = [1, 2, 3].map(() => cohorts.write({ extent: makeExtent(100).extent, policy }))

  t.is((await first).length, policy.replicaCount)
  for (const replicas of await Promise.all(others)) t.is(replicas.length, policy.replicaCount)
  // And once more, after everything was idle.
  t.is((await cohorts.write({ extent: makeExtent(9).extent, policy })).length, policy.replicaCount)
  await writer.close()
})

test('an extent that cannot be placed fails by itself', async t => {
  const { volumes } = await openVolumes(t)
  const writer = new ExtentWriter({ volumes })
  const cohorts = new ExtentCohorts(writer)

  const good = cohorts.write({ extent: makeExtent(100).extent, policy })
  const bad = cohorts.write({
    extent: makeExtent(100).extent,
    policy: { ...policy, location: 'nowhere' }
  })

  await t.throwsAsync(bad, { message: /nowhere/ })
  t.is((await good).length, policy.replicaCount)
  await writer.close()
})
