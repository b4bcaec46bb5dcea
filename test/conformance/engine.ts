// What every metadata engine does, whatever it keeps its rows in.

import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ExecutionContext, TestFn } from 'ava'
import fc from 'fast-check'
import { R2dError } from '../../src/errors.ts'
import {
  absent,
  ConflictError,
  type Engine,
  type Entry,
  type Range
} from '../../src/metadata/engine.ts'

export type OpenEngine = (path: string) => Promise<Engine>

const writer = fileURLToPath(new URL('engine-writer.js', import.meta.url))
const everything: Range = { gte: Buffer.of(1), lt: Buffer.of(0xff, 0xff) }
const b = (text: string): Buffer => Buffer.from(text, 'latin1')

export async function makeDirectory(t: ExecutionContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'r2d-engine-'))
  t.teardown(() => rm(path, { recursive: true, force: true }))
  return path
}

export function put(engine: Engine, ...keys: string[]): Promise<void> {
  const puts = keys.map(key => ({ key: b(key), value: b(`value of ${key}`) }))
  return engine.commit({ checks: [], puts, deletes: [] })
}

async function readAll(engine: Engine, range = everything): Promise<Entry[]> {
  await using cursor = engine.scan(range)
  const found: Entry[] = []
  for (;;) {
    const entries = await cursor.read(7)
    if (entries.length === 0) return found
    found.push(...entries)
  }
}

const keysOf = (entries: Entry[]): string[] => entries.map(({ key }) => key.toString('latin1'))

export function engineSuite(test: TestFn, name: string, open: OpenEngine): void {
  test(`${name}: what was committed is read, with its version`, async t => {
    await using engine = await open(await makeDirectory(t))

    await put(engine, 'a', 'b')
    const first = await engine.get(b('a'))
    await put(engine, 'b')

    t.is(first?.value.toString(), 'value of a')
    t.true((first?.version ?? 0) > absent)
    const [again, newer, none] = await engine.getMany([b('a'), b('b'), b('c')])
    t.is(again?.version, first?.version)
    t.true((newer?.version ?? 0) > (first?.version ?? 0))
    t.is(none, undefined)
    t.deepEqual(await engine.getMany([]), [])
  })

  test(`${name}: rows are in the order of unsigned bytes`, async t => {
    await using engine = await open(await makeDirectory(t))
    const keys = ['\x01', '\x01\x00', 'a', 'a\x00', 'a\xff', 'b', '\x80', '\xfe\xff']

    await put(engine, ...[...keys].reverse())

    t.deepEqual(keysOf(await readAll(engine)), keys)
    t.deepEqual(keysOf(await readAll(engine, { gte: b('a'), lt: b('b') })), ['a', 'a\x00', 'a\xff'])
    t.deepEqual(await readAll(engine, { gte: b('c'), lt: b('c') }), [])
  })

  test(`${name}: a commit whose checks do not hold leaves no trace`, async t => {
    await using engine = await open(await makeDirectory(t))
    await put(engine, 'a')
    const version = (await engine.get(b('a')))?.version ?? 0
    const attempt = (checks: { key: Buffer; version: number }[]) =>
      engine.commit({ checks, puts: [{ key: b('x'), value: b('') }], deletes: [b('a')] })

    await t.throwsAsync(attempt([{ key: b('a'), version: absent }]), { instanceOf: ConflictError })
    await t.throwsAsync(attempt([{ key: b('a'), version: version + 1 }]), {
      instanceOf: ConflictError
    })
    await t.throwsAsync(
      attempt([
        { key: b('a'), version },
        { key: b('b'), version: 1 }
      ]),
      { instanceOf: ConflictError }
    )
    t.deepEqual(keysOf(await readAll(engine)), ['a'])

    await attempt([
      { key: b('a'), version },
      { key: b('b'), version: absent }
    ])
    t.deepEqual(keysOf(await readAll(engine)), ['x'])
  })

  test(`${name}: a key that is made again never has a version that it had before`, async t => {
    const path = await makeDirectory(t)
    let engine = await open(path)
    await put(engine, 'a')
    const before = (await engine.get(b('a')))?.version ?? 0
    await engine.commit({ checks: [], puts: [], deletes: [b('a')] })
    t.is(await engine.get(b('a')), undefined)

    await engine[Symbol.asyncDispose]()
    engine = await open(path)
    await put(engine, 'a')

    t.true(((await engine.get(b('a')))?.version ?? 0) > before + 1)
    await engine[Symbol.asyncDispose]()
  })

  test(`${name}: a cursor sees one snapshot, and seeks both ways in its range`, async t => {
    await using engine = await open(await makeDirectory(t))
    await put(engine, 'a', 'b', 'c', 'd', 'e')

    await using cursor = engine.scan({ gte: b('b'), lt: b('e') })
    t.deepEqual(keysOf(await cursor.read(1)), ['b'])
    await put(engine, 'bb')
    await engine.commit({ checks: [], puts: [], deletes: [b('d')] })
    t.deepEqual(keysOf(await cursor.read(10)), ['c', 'd'])
    t.deepEqual(await cursor.read(10), [])
    cursor.seek(b('bb'))
    t.deepEqual(keysOf(await cursor.read(1)), ['c'])
    cursor.seek(b('a'))
    t.deepEqual(keysOf(await cursor.read(1)), ['b'])
    cursor.seek(b('e'))
    t.deepEqual(await cursor.read(1), [])
    t.deepEqual(keysOf(await readAll(engine)), ['a', 'b', 'bb', 'c', 'e'])
  })

  test(`${name}: a scan of values has those that a scan has, at one snapshot, and seeks`, async t => {
    await using engine = await open(await makeDirectory(t))
    await put(engine, 'a', 'b', 'c', 'd')

    await using cursor = engine.scanValues({ gte: b('b'), lt: b('e') })
    t.deepEqual(await cursor.read(1), [b('value of b')])
    await put(engine, 'bb', 'dd')
    t.deepEqual(await cursor.read(10), [b('value of c'), b('value of d')])
    t.deepEqual(await cursor.read(10), [])
    cursor.seek(b('bb'))
    t.deepEqual(await cursor.read(1), [b('value of c')])
    cursor.seek(b('e'))
    t.deepEqual(await cursor.read(1), [])
  })

  test(`${name}: a value of a megabyte and many entries at once come back whole`, async t => {
    await using engine = await open(await makeDirectory(t))
    const large = Buffer.alloc(1_000_000, 'x')
    const keys = Array.from({ length: 3000 }, (_, n) => `k${String(n).padStart(5, '0')}`)
    await engine.commit({ checks: [], puts: [{ key: b('large'), value: large }], deletes: [] })
    await put(engine, ...keys)

    t.true((await engine.get(b('large')))?.value.equals(large))
    await using cursor = engine.scan(everything)
    t.is((await cursor.read(3000)).length, 3000)
  })

  test(`${name}: agrees with a sorted map over any commits, reopened at any time`, async t => {
    const key = fc
      .uint8Array({ minLength: 1, maxLength: 3, max: 4 })
      .map(bytes => Buffer.from([0x61, ...bytes]))
    const step = fc.oneof(
      {
        weight: 8,
        arbitrary: fc.record({
          puts: fc.uniqueArray(key, { maxLength: 4, comparator: (x, y) => x.equals(y) }),
          deletes: fc.array(key, { maxLength: 2 })
        })
      },
      { weight: 1, arbitrary: fc.constant('reopen' as const) }
    )
    const property = fc.asyncProperty(fc.array(step, { maxLength: 20 }), async steps => {
      const path = await mkdtemp(join(tmpdir(), 'r2d-engine-'))
      const model = new Map<string, string>()
      let engine = await open(path)
      for (const [n, each] of steps.entries()) {
        if (each === 'reopen') {
          await engine[Symbol.asyncDispose]()
          engine = await open(path)
          continue
        }
        const deletes = each.deletes.filter(one => !each.puts.some(other => other.equals(one)))
        const puts = each.puts.map(one => ({ key: one, value: b(String(n)) }))
        await engine.commit({ checks: [], puts, deletes })
        for (const one of deletes) model.delete(one.toString('latin1'))
        for (const { key: one, value } of puts) model.set(one.toString('latin1'), value.toString())
      }

      const found = (await readAll(engine)).map(entry => [
        entry.key.toString('latin1'),
        entry.value.toString()
      ])
      await engine[Symbol.asyncDispose]()
      await rm(path, { recursive: true, force: true })
      assert.deepEqual(
        found,
        [...model].sort(([x], [y]) => (x < y ? -1 : 1))
      )
    })

    await t.notThrowsAsync(fc.assert(property, { numRuns: 15 }))
  })

  test(`${name}: a second process is refused while the first has it open`, async t => {
    const path = await makeDirectory(t)
    const child = fork(writer, [name, path, 'hold'], {
      stdio: ['ignore', 'pipe', 'inherit', 'ipc']
    })
    t.teardown(() => child.kill('SIGKILL'))
    await once(child, 'message')

    const error = await t.throwsAsync(open(path), { instanceOf: R2dError })

    t.is(error.code, 'R2D_LOCKED')
    child.kill('SIGKILL')
    await once(child, 'exit')
    const engine = await open(path)
    await engine[Symbol.asyncDispose]()
  })

  test(`${name}: every commit acknowledged by a process that was killed is there`, async t => {
    const path = await makeDirectory(t)
    let acknowledged = -1
    for (let round = 0; round < 5; round++) {
      const child = fork(writer, [name, path, 'write'], {
        stdio: ['ignore', 'pipe', 'inherit', 'ipc']
      })
      const target = acknowledged + 50 + round * 37
      child.on('message', (n: number) => {
        acknowledged = n
        if (n >= target) child.kill('SIGKILL')
      })
      await once(child, 'exit')

      const engine = await open(path)
      const found = await readAll(engine, { gte: b('n'), lt: b('o') })
      await engine[Symbol.asyncDispose]()
      t.true(found.length > acknowledged, `${found.length} of ${acknowledged + 1}`)
      t.deepEqual(
        keysOf(found),
        found.map((_, n) => `n${String(n).padStart(8, '0')}`)
      )
    }
  })
}
