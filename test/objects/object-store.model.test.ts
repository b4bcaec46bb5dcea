// The store beside a Map: whatever is asked of both, in whatever order and across reopening, they agree.
//
// Method: fast-check draws commands over few keys, so that they meet; contents have sizes around the edges of frames,
// extents and manifest pages. After each command the answer is compared, after each run the whole bucket.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import test from 'ava'
import fc from 'fast-check'
import { R2dError } from '../../src/errors.ts'
import { bodyOf, makeHome, openTestStore, plain, readAll, type EngineName } from './open-store.ts'

const keys = ['a', 'a/b', 'a/b/c', 'a/ß', 'b', 'b/', 'ключ', '🙂', '\u0001', 'z'.repeat(1024)]
const buckets = ['one', 'two-buckets']
const frame = 65_536
const sizes = [0, 1, 4096, frame - 1, frame, frame + 1, 262_144, 262_145, 4_194_304, 4_194_305]

type Command =
  | { kind: 'put'; bucket: string; key: string; size: number; seed: number; piece: number }
  | { kind: 'get'; bucket: string; key: string; start: number; length: number }
  | { kind: 'delete'; bucket: string; keys: string[] }
  | { kind: 'copy'; from: [string, string]; to: [string, string] }
  | { kind: 'list'; bucket: string; prefix: string; delimiter: string; limit: number }
  | { kind: 'reopen' }

const bucket = fc.constantFrom(...buckets)
const key = fc.constantFrom(...keys)
const place = fc.tuple(bucket, key)
const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('put' as const),
      bucket,
      key,
      size: fc.oneof(
        { weight: 6, arbitrary: fc.constantFrom(...sizes.slice(0, 8)) },
        { weight: 1, arbitrary: fc.constantFrom(...sizes) },
        { weight: 3, arbitrary: fc.nat(300_000) }
      ),
      seed: fc.nat(255),
      piece: fc.constantFrom(1000, 65_536, 1_000_000)
    })
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('get' as const),
      bucket,
      key,
      start: fc.oneof(fc.constantFrom(0, frame - 1, frame, 4_194_303), fc.nat(300_000)),
      length: fc.oneof(fc.constantFrom(1, frame, 5_000_000), fc.integer({ min: 1, max: 300_000 }))
    })
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('delete' as const),
      bucket,
      keys: fc.array(key, { minLength: 1, maxLength: 4 })
    })
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('copy' as const), from: place, to: place })
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('list' as const),
      bucket,
      prefix: fc.constantFrom('', 'a', 'a/', 'b', 'nothing'),
      delimiter: fc.constantFrom('', '/', 'b'),
      limit: fc.integer({ min: 1, max: 5 })
    })
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'reopen' as const }) }
)

function contentOf(size: number, seed: number): Buffer {
  const content = Buffer.alloc(size)
  for (let offset = 0, block = 0; offset < size; offset += 32, block++) {
    createHash('sha256')
      .update(`${seed}:${block % 512}`)
      .digest()
      .copy(content, offset)
  }
  return content
}

/** What ListObjects must answer, by the definition: walk all keys in order. */
function expectedList(
  all: string[],
  prefix: string,
  delimiter: string
): { name: string; isPrefix: boolean }[] {
  const found = new Map<string, boolean>()
  for (const each of all.filter(name => name.startsWith(prefix))) {
    const index = delimiter === '' ? -1 : each.indexOf(delimiter, prefix.length)
    if (index === -1) found.set(each, false)
    else found.set(each.slice(0, index + delimiter.length), true)
  }

  return [...found]
    .map(([name, isPrefix]) => ({ name, isPrefix }))
    .sort((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)))
}

async function run(commands: Command[], engine: EngineName): Promise<void> {
  const home = await makeHome()
  let open = await openTestStore(home, engine)
  const model = new Map(buckets.map(name => [name, new Map<string, Buffer>()]))
  const objects = (name: string): Map<string, Buffer> => {
    const found = model.get(name)
    assert(found !== undefined)
    return found
  }
  for (const name of buckets) await open.store.createBucket(name, {})

  const check = async (name: string, each: string): Promise<void> => {
    const expected = objects(name).get(each)
    if (expected === undefined) {
      await assert.rejects(open.store.get(name, each, {}), isCode('R2D_NO_SUCH_KEY'))
      return
    }
    const result = await open.store.get(name, each, {})
    assert(result.kind === 'object')
    assert.equal(result.info.etag, createHash('md5').update(expected).digest('hex'))
    assert(expected.equals(await readAll(result.body)))
  }

  const step = async (each: Command): Promise<void> => {
    switch (each.kind) {
      case 'put': {
        const content = contentOf(each.size, each.seed)
        await open.store.put(each.bucket, each.key, bodyOf(content, each.piece), plain)
        objects(each.bucket).set(each.key, content)
        break
      }
      case 'get': {
        const expected = objects(each.bucket).get(each.key)
        const range = {
          kind: 'from',
          start: each.start,
          end: each.start + each.length - 1
        } as const
        if (expected === undefined) break
        const result = await open.store.get(each.bucket, each.key, { range })
        if (each.start >= expected.length) {
          assert.equal(result.kind, 'range-not-satisfiable')
          break
        }
        assert(result.kind === 'object')
        const wanted = expected.subarray(each.start, each.start + each.length)
        assert(wanted.equals(await readAll(result.body)))
        break
      }
      case 'delete':
        await open.store.delete(each.bucket, each.keys)
        for (const name of each.keys) objects(each.bucket).delete(name)
        break
      case 'copy': {
        const [sourceBucket, sourceKey] = each.from
        const [to, toKey] = each.to
        const content = objects(sourceBucket).get(sourceKey)
        const copying = open.store.copy({ sourceBucket, sourceKey, bucket: to, key: toKey })
        if (content === undefined) {
          await assert.rejects(copying, isCode('R2D_NO_SUCH_KEY'))
          break
        }
        await copying
        objects(to).set(toKey, content)
        break
      }
      case 'list': {
        const { prefix, delimiter, limit } = each
        const expected = expectedList([...objects(each.bucket).keys()], prefix, delimiter)
        const found: { name: string; isPrefix: boolean }[] = []
        let startAfter = ''
        for (;;) {
          const page = await open.store.list(each.bucket, { prefix, delimiter, startAfter, limit })
          const names = [
            ...page.objects.map(object => ({ name: object.key, isPrefix: false })),
            ...page.prefixes.map(name => ({ name, isPrefix: true }))
          ]
          names.sort((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)))
          assert.equal(page.last, names.at(-1)?.name)
          if (page.isTruncated) assert.equal(names.length, limit)
          found.push(...names)
          if (!page.isTruncated) break
          assert(page.last !== undefined)
          startAfter = page.last
        }
        assert.deepEqual(found, expected)
        break
      }
      case 'reopen':
        await open.close()
        open = await openTestStore(home, engine)
        break
    }
  }

  try {
    for (const each of commands) await step(each)
    for (const name of buckets) for (const each of keys) await check(name, each)
    assert.deepEqual(open.faults, [])
  } finally {
    await open.close()
    await home.remove()
  }
}

function isCode(code: string) {
  return (error: unknown): boolean => error instanceof R2dError && error.code === code
}

for (const engine of ['rocksdb', 'classic-level'] as const) {
  test(`the store over ${engine} agrees with a Map, whatever is asked of it`, async t => {
    await t.notThrowsAsync(
      fc.assert(
        fc.asyncProperty(fc.array(command, { minLength: 5, maxLength: 40 }), async commands => {
          await run(commands, engine)
        }),
        { numRuns: Number(process.env['R2D_RUNS'] ?? 12) }
      )
    )
  })
}
