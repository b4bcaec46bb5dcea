// What becomes of commits while volumes fail under the journal, and what a thread that comes after makes of it.

import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import type { Batch, Engine } from '../../../src/metadata/engine.ts'
import { readJournalKeys } from '../../../src/metadata/journal/journal-key.ts'
import {
  JournaledEngine,
  journalVolumes,
  readPosition
} from '../../../src/metadata/journal/journaled-engine.ts'
import { prune } from '../../../src/metadata/journal/prune.ts'
import { writeSnapshot } from '../../../src/metadata/journal/snapshot-writer.ts'
import { openRocksDb } from '../../../src/metadata/rocksdb.ts'
import { commitNumberKey } from '../../../src/metadata/versioned-value.ts'
import { createVolume } from '../../../src/storage/superblock.ts'
import { VolumeSet, type VolumeDescription } from '../../../src/storage/volume-set.ts'
import { Random } from '../../simulation/random.ts'
import { FaultyFiles } from '../../faults/faulty-files.ts'
import { keyring, locationRow, rebuildFrom, rowsOf, storeId } from './journal-images.ts'

interface Place {
  path: string
  files: FaultyFiles
  engine: Engine
  volumes: VolumeSet
  descriptions: VolumeDescription[]
}

async function makePlace(t: ExecutionContext): Promise<Place> {
  const path = await mkdtemp(join(tmpdir(), 'r2d-journaled-'))
  t.teardown(() => rm(path, { recursive: true, force: true }))
  const files = new FaultyFiles()
  const descriptions: VolumeDescription[] = []
  for (const number of [1, 2, 3]) {
    const at = join(path, `v${number}`)
    const { id } = await createVolume(at, { storeId, number })
    descriptions.push({
      number,
      id,
      path: at,
      location: 'here',
      failureDomain: '',
      recorded: 'active'
    })
  }
  const onFault = (): void => undefined
  const volumes = await VolumeSet.open(descriptions, { storeId, onFault, files })
  const engine = await openRocksDb({ path: join(path, 'engine') })
  t.teardown(() => engine[Symbol.asyncDispose]())
  await engine.commit({ checks: [], puts: [locationRow], deletes: [] })
  return { path, files, engine, volumes, descriptions }
}

async function openJournal({ engine, volumes }: Place): Promise<JournaledEngine> {
  const ignore = (): void => undefined
  const options = { volumes, keyring, location: 'here', onFault: ignore, onRolledForward: ignore }
  const journaled = await JournaledEngine.open(engine, options)
  await journaled.reach()
  return journaled
}

const batch = (name: string): Batch => ({
  checks: [],
  puts: [{ key: Buffer.from(`x${name}`), value: Buffer.from(name) }],
  deletes: []
})

const commitCount = async (engine: Engine): Promise<number> =>
  (await engine.get(commitNumberKey))?.version ?? 0

async function requireRebuildable({ engine, volumes }: Place): Promise<void> {
  const { rows, rebuilt } = await rebuildFrom(volumes, new Random(1))
  assert.equal(rebuilt.gapBefore, undefined)
  assert.deepEqual(rows, await rowsOf(engine))
}

test('a volume that fails is left for another, without an error to anybody', async t => {
  const place = await makePlace(t)
  const journaled = await openJournal(place)
  await journaled.commit(batch('a'))
  place.files.faults = { write: { path: '/v2/', errno: 'EIO' } }
  for (let n = 0; n < 20; n++) await journaled.commit(batch(`${n}`))

  place.files.faults = {}
  await requireRebuildable(place)
  t.is((await rowsOf(place.engine)).get('x19'), '19')
  await journaled.leave()
})

test('with too few volumes nothing more is committed, not to the engine either, until there are enough', async t => {
  const place = await makePlace(t)
  const { engine, files, volumes, descriptions } = place
  const journaled = await openJournal(place)
  await journaled.commit(batch('a'))

  files.faults = { write: { path: '/journal/', errno: 'EIO' } }
  await t.throwsAsync(journaled.commit(batch('b')), { code: 'R2D_UNAVAILABLE' })
  const count = await commitCount(engine)
  for (let n = 0; n < 5; n++) {
    await t.throwsAsync(journaled.commit(batch('c')), { code: 'R2D_UNAVAILABLE' })
  }
  t.is(await commitCount(engine), count)
  t.is(await engine.get(Buffer.from('xc')), undefined)

  files.faults = {}
  const failed = descriptions.map(each => ({ ...each, failure: 'EIO' }))
  await volumes.update(failed)
  await volumes.update(descriptions)
  await journaled.commit(batch('d'))
  t.truthy(await engine.get(Buffer.from('xb')), 'it was in the engine, and is in the journal now')
  await requireRebuildable(place)
  await journaled.leave()
})

test('refusals leave no trail of files', async t => {
  const place = await makePlace(t)
  const { files, path } = place
  const journaled = await openJournal(place)
  await journaled.commit(batch('a'))
  files.faults = { sync: { path: '/v', errno: 'EIO' }, write: { path: '/journal/', errno: 'EIO' } }
  await t.throwsAsync(journaled.commit(batch('b')))
  const countFiles = async (): Promise<number> => {
    const names = await Promise.all([1, 2, 3].map(n => readdir(join(path, `v${n}`, 'journal'))))
    return names.flat().length
  }
  const count = await countFiles()

  for (let n = 0; n < 20; n++) await t.throwsAsync(journaled.commit(batch('b')))
  t.is(await countFiles(), count)
  await journaled.leave()
})

test('a commit that went past the journal is noticed, and a snapshot made before the next', async t => {
  const place = await makePlace(t)
  const first = await openJournal(place)
  await first.commit(batch('a'))
  await first.leave()
  await place.engine.commit(batch('past'))

  const second = await openJournal(place)
  await second.commit(batch('b'))
  await requireRebuildable(place)
  t.is((await rebuildFrom(place.volumes, new Random(1))).rows.get('xpast'), 'past')
  await second.leave()
})

test('a term begins only with a commit, and goes on where the one before ended', async t => {
  const place = await makePlace(t)
  const first = await openJournal(place)
  await first.commit(batch('a'))
  await first.leave()
  const before = await readPosition(place.engine)
  const idle = await openJournal(place)
  await idle.leave()
  t.deepEqual(await readPosition(place.engine), before)

  const second = await openJournal(place)
  await second.commit(batch('b'))
  const after = await readPosition(place.engine)
  t.is(after?.term, (before?.term ?? 0) + 1)
  t.is(after?.sequence, (before?.sequence ?? 0) + 2)
  await requireRebuildable(place)
  await second.leave()
})

for (const isFollowed of [false, true]) {
  test(`a commit that failed in the engine is ${isFollowed ? 'gone once another has succeeded' : 'found in the journal by a start'}`, async t => {
    const place = await makePlace(t)
    const { engine } = place
    let isBroken = false
    const breaking: Engine = {
      name: engine.name,
      handle: engine.handle,
      get: key => engine.get(key),
      getMany: keys => engine.getMany(keys),
      scan: range => engine.scan(range),
      scanValues: range => engine.scanValues(range),
      commit: each => (isBroken ? Promise.reject(new RangeError('injected')) : engine.commit(each)),
      [Symbol.asyncDispose]: () => engine[Symbol.asyncDispose]()
    }
    const journaled = await openJournal({ ...place, engine: breaking })
    await journaled.commit(batch('a'))
    isBroken = true
    await t.throwsAsync(journaled.commit(batch('failed')), { message: 'injected' })
    isBroken = false
    if (isFollowed) await journaled.commit(batch('b'))
    t.is(await engine.get(Buffer.from('xfailed')), undefined)
    await journaled.leave()

    const next = await openJournal(place)
    t.is((await engine.get(Buffer.from('xfailed'))) === undefined, isFollowed)
    await requireRebuildable(place)
    await next.leave()
  })
}

test('a snapshot that the committer is writing is not taken for one that was cut short', async t => {
  const place = await makePlace(t)
  const { engine, volumes } = place
  const journaled = await openJournal(place)
  await journaled.commit(batch('a'))
  const paths = volumes.all().map(({ path }) => path)
  const masterKeys = [keyring.current.key]
  const keys = await readJournalKeys(paths, { storeId, masterKeys }, volumes.files)
  const [key] = keys
  assert(key !== undefined)
  const began = Date.now()
  const own = {
    volumes,
    keyring,
    key,
    copies: { location: 'here', target: 2, minimum: 2 },
    random: () => 0
  }
  const begun = Promise.withResolvers<undefined>()
  const gate = Promise.withResolvers<undefined>()
  const slow: Pick<Engine, 'scan'> = {
    scan: range => {
      const cursor = engine.scan(range)
      let reads = 0
      return {
        read: async count => {
          // The first is of the position.
          if (reads++ > 0) {
            begun.resolve(undefined)
            await gate.promise
          }
          return cursor.read(count)
        },
        seek: to => {
          cursor.seek(to)
        },
        [Symbol.asyncDispose]: () => cursor[Symbol.asyncDispose]()
      }
    }
  }
  const writing = writeSnapshot({ ...own, engine: slow })
  await begun.promise
  // The two are named by the clock.
  await delay(2)

  const newest = await writeSnapshot({ ...own, engine })
  const source = { files: volumes.files, storeId, keys }
  await prune(journalVolumes(volumes), source, { newest, began })
  gate.resolve(undefined)

  t.is((await writing).copies.length, 2)
  t.deepEqual(
    volumes.all().map(({ state }) => state),
    ['active', 'active', 'active']
  )
  const after = Date.now() + 1000
  t.is((await prune(journalVolumes(volumes), source, { newest, began: after })).snapshots, 1)
  await journaled.leave()
})
