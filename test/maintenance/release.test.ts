// Release: whatever is put, copied, assembled and deleted, rows count exactly what refers to them, and what nobody refers to goes.

import assert from 'node:assert/strict'
import { setImmediate as turn } from 'node:timers/promises'
import test from 'ava'
import fc from 'fast-check'
import { Releaser, type ReleaseFigures } from '../../src/maintenance/release.ts'
import type { FreedRecord } from '../../src/metadata/mutations/release.ts'
import { R2dError } from '../../src/errors.ts'
import { recordSize } from '../../src/storage/segment-format.ts'
import {
  bodyOf,
  makeHome,
  openTestStore,
  plain,
  readAll,
  type EngineName,
  type TestStore
} from '../objects/open-store.ts'
import { assertExactReferences } from './recount.ts'
import { bucket, contentOf, MiB } from './space-store.ts'

const engines = ['rocksdb', 'classic-level'] as const

interface OpenRelease {
  open: TestStore
  releaser: Releaser
  freed: FreedRecord[]
  release: () => Promise<ReleaseFigures>
  close: () => Promise<void>
}

async function openRelease(engine: EngineName, readerWaitMsMax = 60_000): Promise<OpenRelease> {
  const home = await makeHome()
  const open = await openTestStore(home, engine)
  // Extents of one frame each, so that a few MiB have pages.
  open.context.writeBufferSize = 1
  await open.store.createBucket(bucket, {})
  const freed: FreedRecord[] = []
  const { metadata, committer } = open.context
  const releaser = new Releaser({
    metadata,
    committer,
    reads: open.reads,
    onFreed: records => freed.push(...records),
    onUnheard: () => assert.fail('Every commit is heard of'),
    now: Date.now,
    readerWaitMsMax
  })

  return {
    open,
    releaser,
    freed,
    release: () => releaser.round(new AbortController().signal),
    close: async () => {
      await open.close()
      await home.remove()
    }
  }
}

function put({ store }: TestStore, key: string, content: Buffer): Promise<unknown> {
  return store.put(bucket, key, bodyOf(content), plain)
}

/** Where a part's content is from: bytes of its own, or a range of an object. */
type PartSource = { size: number } | { key: string; start: number; size: number }

/** The upload's id, and its parts as they are named when it is completed. */
async function uploadParts({ store }: TestStore, key: string, sources: readonly PartSource[]) {
  const uploadId = await store.createUpload(bucket, key, {
    httpMetadata: {},
    customMetadata: [],
    checksum: undefined
  })
  const target = { bucket, key, uploadId }
  const parts = []
  for (const [index, source] of sources.entries()) {
    const partTarget = { ...target, partNumber: index + 1 }
    const { etag } =
      'key' in source
        ? await store.copyPart(partTarget, {
            sourceBucket: bucket,
            sourceKey: source.key,
            range: { start: source.start, end: source.start + source.size - 1 }
          })
        : await store.uploadPart(partTarget, bodyOf(contentOf(source.size, index)), { digests: [] })
    parts.push({ number: index + 1, etag, checksums: {} })
  }
  return { target, parts }
}

const finish = { checksums: {}, requiresEvenParts: false }

const keys = ['a', 'b', 'c', 'd']
const key = fc.constantFrom(...keys)
const size = fc.constantFrom(0, 1, 65_536, 65_537, 300_000, 1_200_000, 6 * MiB)

type Command =
  | { kind: 'put'; key: string; size: number; seed: number }
  | { kind: 'copy'; from: string; to: string }
  | { kind: 'delete'; keys: string[] }
  | {
      kind: 'upload'
      key: string
      parts: { from: string; start: number; again: boolean }[]
      end: 'complete' | 'abort' | 'leave' | 'drop-first'
    }
  | { kind: 'release' }

const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('put' as const), key, size, seed: fc.nat(9) })
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('copy' as const), from: key, to: key }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('delete' as const),
      keys: fc.array(key, { minLength: 1, maxLength: 3 })
    })
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('upload' as const),
      key,
      parts: fc.array(
        fc.record({
          from: key,
          start: fc.constantFrom(0, 1, 65_536, 100_000, 500_000),
          again: fc.boolean()
        }),
        { minLength: 1, maxLength: 3 }
      ),
      end: fc.constantFrom(
        'complete' as const,
        'abort' as const,
        'leave' as const,
        'drop-first' as const
      )
    })
  },
  { weight: 2, arbitrary: fc.constant({ kind: 'release' as const }) }
)

async function runCommand(
  each: Command,
  opened: OpenRelease,
  model: Map<string, Buffer>
): Promise<void> {
  const { open: testStore, release } = opened
  const { store } = testStore
  switch (each.kind) {
    case 'put': {
      const content = contentOf(each.size, each.seed)
      await put(testStore, each.key, content)
      model.set(each.key, content)
      break
    }
    case 'copy': {
      const content = model.get(each.from)
      if (content === undefined) break
      await store.copy({ sourceBucket: bucket, sourceKey: each.from, bucket, key: each.to })
      model.set(each.to, content)
      break
    }
    case 'delete':
      await store.delete(bucket, each.keys)
      for (const name of each.keys) model.delete(name)
      break
    case 'upload':
      await upload(each, opened, model)
      break
    case 'release':
      await release()
      break
  }
}

/** Parts are ranges of objects where those are large enough, so that extents come to be shared, within one object too. */
async function upload(
  { key: to, parts: wanted, end }: Command & { kind: 'upload' },
  { open }: OpenRelease,
  model: Map<string, Buffer>
): Promise<void> {
  const pieces: Buffer[] = []
  const sources: PartSource[] = []
  for (const [index, { from, start, again }] of wanted.entries()) {
    const source = model.get(from)
    const isLarge = source !== undefined && source.length >= start + 5 * MiB
    for (let times = again ? 2 : 1; times > 0; times--) {
      pieces.push(
        isLarge ? source.subarray(start, start + 5 * MiB) : contentOf(5 * MiB, sources.length)
      )
      sources.push(isLarge ? { key: from, start, size: 5 * MiB } : { size: 5 * MiB })
    }
    assert(index < 3)
  }
  const { target, parts } = await uploadParts(open, to, sources)
  switch (end) {
    case 'complete':
      await open.store.completeUpload(target, { parts, ...finish })
      model.set(to, Buffer.concat(pieces))
      break
    case 'drop-first':
      // One part is not used, unless it is the only one.
      await open.store.completeUpload(target, {
        parts: parts.length === 1 ? parts : parts.slice(1),
        ...finish
      })
      model.set(to, Buffer.concat(parts.length === 1 ? pieces : pieces.slice(1)))
      break
    case 'abort':
      await open.store.abortUpload(target)
      break
    case 'leave':
      break
  }
}

for (const engine of engines) {
  test(`${engine}: whatever is put, copied, uploaded and deleted, counts are exact before release and after, and nothing else is left`, async t => {
    const property = fc.asyncProperty(
      fc.array(command, { minLength: 3, maxLength: 14 }),
      async commands => {
        const opened = await openRelease(engine)
        const { open, release } = opened
        const model = new Map<string, Buffer>()
        try {
          for (const each of commands) await runCommand(each, opened, model)
          await assertExactReferences(open.context.metadata)

          const { missing } = await release()

          assert.equal(missing, 0)
          assert.equal((await assertExactReferences(open.context.metadata)).discards, 0)
          for (const [name, content] of model) {
            const result = await open.store.get(bucket, name, {})
            assert(result.kind === 'object')
            assert(content.equals(await readAll(result.body)))
          }
          await open.store.delete(bucket, keys)
          for (const { key: name, uploadId } of (
            await open.store.listUploads(bucket, {
              prefix: '',
              delimiter: '',
              keyMarker: '',
              uploadIdMarker: '',
              limit: 1000
            })
          ).uploads) {
            await open.store.abortUpload({ bucket, key: name, uploadId })
          }
          await release()
          assert.deepEqual(await assertExactReferences(open.context.metadata), {
            extents: 0,
            pages: 0,
            discards: 0
          })
        } finally {
          await opened.close()
        }
      }
    )

    t.timeout(300_000)
    await t.notThrowsAsync(() =>
      fc.assert(property, { numRuns: Number(process.env['R2D_RUNS'] ?? 12) })
    )
  })
}

test('a tree of pages of pages that two objects share is released when the second one goes, in bounded steps', async t => {
  const opened = await openRelease('rocksdb')
  t.teardown(opened.close)
  const { open, release, freed } = opened
  await put(open, 'base', contentOf(6 * MiB, 1))
  const part = { key: 'base', start: 0, size: 5 * MiB }
  const { target, parts } = await uploadParts(
    open,
    'tree',
    Array.from({ length: 70 }, () => part)
  )
  await open.store.completeUpload(target, { parts, ...finish })
  await open.store.copy({ sourceBucket: bucket, sourceKey: 'tree', bucket, key: 'copy' })
  const { pages } = await assertExactReferences(open.context.metadata)
  t.true(pages > 70)

  await open.store.delete(bucket, ['tree', 'base'])
  await release()
  t.is((await assertExactReferences(open.context.metadata)).pages, pages - 1)
  const result = await open.store.get(bucket, 'copy', { range: { kind: 'suffix', length: 10 } })
  t.is(result.kind, 'object')

  await open.store.delete(bucket, ['copy'])
  const figures = await release()
  t.deepEqual(await assertExactReferences(open.context.metadata), {
    extents: 0,
    pages: 0,
    discards: 0
  })
  t.true(figures.references > 70 * 80)
  t.is(
    freed.reduce((sum, { size: each }) => sum + each, 0),
    // Two replicas each.
    2 * 96 * recordSize(65_536)
  )
})

test('what a reader is at is not released before the reader has let go, and is read to its end', async t => {
  const opened = await openRelease('rocksdb')
  t.teardown(opened.close)
  const { open, release } = opened
  const content = contentOf(8 * MiB, 3)
  await put(open, 'slow', content)
  const result = await open.store.get(bucket, 'slow', {})
  assert(result.kind === 'object' && !Buffer.isBuffer(result.body))
  await open.store.delete(bucket, ['slow'])

  let isReleased = false
  const releasing = release().then(figures => {
    isReleased = true
    return figures
  })
  const bytes: Buffer[] = []
  for await (const piece of result.body) {
    t.false(isReleased)
    bytes.push(Buffer.from(piece))
  }

  t.true(Buffer.concat(bytes).equals(content))
  t.is((await releasing).discards, 1)
  t.is((await assertExactReferences(open.context.metadata)).extents, 0)
})

test('a reader that leaves, or fails, is not waited for; one that began after the deletion is neither', async t => {
  const opened = await openRelease('rocksdb')
  t.teardown(opened.close)
  const { open, release } = opened
  const content = contentOf(8 * MiB, 3)
  for (const name of ['gone', 'other']) await put(open, name, content)
  const left = await open.store.get(bucket, 'gone', {})
  assert(left.kind === 'object' && !Buffer.isBuffer(left.body))
  await open.store.delete(bucket, ['gone'])
  const iterator = left.body[Symbol.asyncIterator]()
  await iterator.next()
  await iterator.return?.()
  await t.throwsAsync(open.store.get(bucket, 'absent', {}))

  t.is((await release()).discards, 1)

  await put(open, 'gone', content)
  const before = await open.store.get(bucket, 'gone', {})
  await open.store.delete(bucket, ['gone'])
  const words = new Int32Array(open.reads.memory)
  const seen = Atomics.load(words, 0)
  const releasing = release()
  while (Atomics.load(words, 0) === seen) await turn()
  const later = await open.store.get(bucket, 'other', {})
  assert(before.kind === 'object')
  t.true(content.equals(await readAll(before.body)))
  t.is((await releasing).discards, 1)
  assert(later.kind === 'object' && !Buffer.isBuffer(later.body))
  t.true(content.equals(await readAll(later.body)))
})

test('a reader that does not move is waited for only so long; it then gets an error, never other bytes', async t => {
  const opened = await openRelease('rocksdb', 100)
  t.teardown(opened.close)
  const { open, release } = opened
  const content = contentOf(40 * MiB, 3)
  await put(open, 'stuck', content)
  const result = await open.store.get(bucket, 'stuck', {})
  assert(result.kind === 'object' && !Buffer.isBuffer(result.body))
  await open.store.delete(bucket, ['stuck'])

  t.is((await release()).discards, 1)

  const read = async (): Promise<void> => {
    let offset = 0
    for await (const piece of result.body as AsyncIterable<Buffer>) {
      assert(content.subarray(offset, offset + piece.length).equals(piece))
      offset += piece.length
    }
  }
  const error = await t.throwsAsync(read())
  t.true(error instanceof R2dError && error.code === 'R2D_NO_SUCH_KEY')
})

test('a round that is told to stop ends, and what is left of it is released by the next', async t => {
  const opened = await openRelease('rocksdb')
  t.teardown(opened.close)
  const { open, release } = opened
  const { metadata, committer } = open.context
  await put(open, 'large', contentOf(40 * MiB, 1))
  await open.store.delete(bucket, ['large'])
  const stopping = new AbortController()
  const releaser = new Releaser({
    metadata,
    committer,
    reads: open.reads,
    // Behind the first of several commits that the object takes.
    onFreed: () => {
      stopping.abort()
    },
    onUnheard: () => assert.fail('Every commit is heard of'),
    now: Date.now
  })

  const { extents } = await releaser.round(stopping.signal)

  t.true(extents < 40 * 16)
  const left = await assertExactReferences(metadata)
  t.is(left.discards, 1)
  t.true(left.extents > 0)
  await release()

  t.deepEqual(await assertExactReferences(open.context.metadata), {
    extents: 0,
    pages: 0,
    discards: 0
  })
})
