// The reference model of the store: a Map for each bucket, and sequences of commands that are asked of it and of a real one.
//
// Method: fast-check draws commands over few keys, so that they meet; contents have sizes around the edges of frames,
// extents and manifest pages. After each command the answer is compared, after each run everything. What is real
// stands behind `Subject`: the store over an engine, or a daemon behind its S3 endpoint.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import fc from 'fast-check'

/** What the commands are asked of. */
export interface Subject {
  createBucket(name: string): Promise<void>
  /** `piece`: bytes that arrive at once. False if `isOnlyNew` and there is one. */
  put(
    bucket: string,
    key: string,
    content: Buffer,
    options: { piece: number; isOnlyNew: boolean }
  ): Promise<boolean>
  /** As an upload of one part; left unfinished, or aborted, where it is not to be completed. */
  upload(
    bucket: string,
    key: string,
    content: Buffer,
    end: 'complete' | 'abort' | 'leave'
  ): Promise<void>
  get(
    bucket: string,
    key: string,
    range?: { start: number; end: number }
  ): Promise<{ etag: string; content: Buffer } | 'absent' | 'unsatisfiable'>
  delete(bucket: string, keys: string[]): Promise<void>
  /** False if there is no source. */
  copy(from: [string, string], to: [string, string]): Promise<boolean>
  list(
    bucket: string,
    options: { prefix: string; delimiter: string; startAfter: string; limit: number }
  ): Promise<{ names: { name: string; isPrefix: boolean }[]; isTruncated: boolean }>
  /** Ends it, as gently or not as it is to be tested, and starts it again. */
  restart(): Promise<void>
}

const keys = ['a', 'a/b', 'a/b/c', 'a/ß', 'b', 'b/', 'ключ', '🙂', '\u0001', 'z'.repeat(1024)]
const buckets = ['one', 'two-buckets']
const frame = 65_536
const sizes = [0, 1, 4096, frame - 1, frame, frame + 1, 262_144, 262_145, 4_194_304, 4_194_305]

export type Command =
  | {
      kind: 'put'
      bucket: string
      key: string
      size: number
      seed: number
      piece: number
      isOnlyNew: boolean
    }
  | {
      kind: 'upload'
      bucket: string
      key: string
      size: number
      seed: number
      end: 'complete' | 'abort' | 'leave'
    }
  | { kind: 'get'; bucket: string; key: string; start: number; length: number }
  | { kind: 'delete'; bucket: string; keys: string[] }
  | { kind: 'copy'; from: [string, string]; to: [string, string] }
  | { kind: 'list'; bucket: string; prefix: string; delimiter: string; limit: number }
  | { kind: 'restart' }

const bucket = fc.constantFrom(...buckets)
const key = fc.constantFrom(...keys)
const place = fc.tuple(bucket, key)
export const command: fc.Arbitrary<Command> = fc.oneof(
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
      piece: fc.constantFrom(1000, 65_536, 1_000_000),
      isOnlyNew: fc.oneof(
        { weight: 5, arbitrary: fc.constant(false) },
        { weight: 1, arbitrary: fc.constant(true) }
      )
    })
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('upload' as const),
      bucket,
      key,
      size: fc.oneof(fc.constantFrom(...sizes.slice(1, 8)), fc.integer({ min: 1, max: 300_000 })),
      seed: fc.nat(255),
      end: fc.constantFrom('complete', 'complete', 'abort', 'leave')
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
  { weight: 1, arbitrary: fc.constant({ kind: 'restart' as const }) }
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

/** An object as the model has it. */
interface Expected {
  content: Buffer
  etag: string
}

const md5 = (content: Buffer): Buffer => createHash('md5').update(content).digest()

/** Asks all of `subject`, and asserts that it answers as the model does. */
export async function runCommands(subject: Subject, commands: readonly Command[]): Promise<void> {
  const model = new Map(buckets.map(name => [name, new Map<string, Expected>()]))
  const objects = (name: string): Map<string, Expected> => {
    const found = model.get(name)
    assert(found !== undefined)
    return found
  }
  for (const name of buckets) await subject.createBucket(name)

  for (const each of commands) await step(subject, each, objects)
  for (const name of buckets) {
    for (const key of keys) await check(subject, name, key, objects(name).get(key))
  }
}

type Objects = (bucket: string) => Map<string, Expected>

async function check(
  subject: Subject,
  bucketName: string,
  key: string,
  expected: Expected | undefined
): Promise<void> {
  const found = await subject.get(bucketName, key)
  if (expected === undefined) {
    assert.equal(found, 'absent')
    return
  }
  assert(typeof found === 'object')
  assert.equal(found.etag, expected.etag)
  assert(expected.content.equals(found.content))
}

async function step(subject: Subject, each: Command, objects: Objects): Promise<void> {
  switch (each.kind) {
    case 'put': {
      const { bucket: name, key: to, piece, isOnlyNew } = each
      const content = contentOf(each.size, each.seed)
      const isDone = await subject.put(name, to, content, { piece, isOnlyNew })
      assert.equal(isDone, !isOnlyNew || !objects(name).has(to))
      if (isDone) objects(name).set(to, { content, etag: md5(content).toString('hex') })
      break
    }
    case 'upload': {
      const content = contentOf(each.size, each.seed)
      await subject.upload(each.bucket, each.key, content, each.end)
      if (each.end !== 'complete') break
      const etag = `${md5(md5(content)).toString('hex')}-1`
      objects(each.bucket).set(each.key, { content, etag })
      break
    }
    case 'get':
      await checkRange(subject, each, objects(each.bucket).get(each.key))
      break
    case 'delete':
      await subject.delete(each.bucket, each.keys)
      for (const name of each.keys) objects(each.bucket).delete(name)
      break
    case 'copy': {
      const source = objects(each.from[0]).get(each.from[1])
      assert.equal(await subject.copy(each.from, each.to), source !== undefined)
      if (source !== undefined) objects(each.to[0]).set(each.to[1], source)
      break
    }
    case 'list':
      await checkList(subject, each, [...objects(each.bucket).keys()])
      break
    case 'restart':
      await subject.restart()
      break
  }
}

async function checkRange(
  subject: Subject,
  { bucket: name, key: from, start, length }: Command & { kind: 'get' },
  expected: Expected | undefined
): Promise<void> {
  const found = await subject.get(name, from, { start, end: start + length - 1 })
  if (expected === undefined) {
    assert.equal(found, 'absent')
  } else if (start >= expected.content.length) {
    assert.equal(found, 'unsatisfiable')
  } else {
    assert(typeof found === 'object')
    assert(expected.content.subarray(start, start + length).equals(found.content))
  }
}

async function checkList(
  subject: Subject,
  { bucket: name, prefix, delimiter, limit }: Command & { kind: 'list' },
  all: string[]
): Promise<void> {
  const found: { name: string; isPrefix: boolean }[] = []
  for (;;) {
    const startAfter = found.at(-1)?.name ?? ''
    const page = await subject.list(name, { prefix, delimiter, startAfter, limit })
    found.push(...page.names)
    if (!page.isTruncated) break
    assert.equal(page.names.length, limit)
  }
  assert.deepEqual(found, expectedList(all, prefix, delimiter))
}
