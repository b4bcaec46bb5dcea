// The store over each engine agrees with the reference model, also after it was closed and opened again.

import assert from 'node:assert/strict'
import test from 'ava'
import fc from 'fast-check'
import { R2dError } from '../../src/errors.ts'
import type { Precondition } from '../../src/metadata/precondition.ts'
import {
  bodyOf,
  makeHome,
  openTestStore,
  plain,
  readAll,
  type EngineName,
  type TestHome,
  type TestStore
} from '../objects/open-store.ts'
import { command, runCommands, type Subject } from './store-model.ts'

class StoreSubject implements Subject {
  readonly #home: TestHome
  readonly #engine: EngineName
  #open: TestStore

  private constructor(home: TestHome, engine: EngineName, open: TestStore) {
    this.#home = home
    this.#engine = engine
    this.#open = open
  }

  static async open(home: TestHome, engine: EngineName): Promise<StoreSubject> {
    return new StoreSubject(home, engine, await openTestStore(home, engine))
  }

  async createBucket(name: string): Promise<void> {
    await this.#open.store.createBucket(name, {})
  }

  async put(
    bucket: string,
    key: string,
    content: Buffer,
    { piece, isOnlyNew }: { piece: number; isOnlyNew: boolean }
  ): Promise<boolean> {
    const onlyNew: Precondition = { ifNoneMatch: ['*'] }
    const condition = isOnlyNew ? { precondition: onlyNew } : {}
    const body = bodyOf(content, piece)
    return isHeld(this.#open.store.put(bucket, key, body, { ...plain, ...condition }))
  }

  async upload(
    bucket: string,
    key: string,
    content: Buffer,
    end: 'complete' | 'abort' | 'leave'
  ): Promise<void> {
    const { store } = this.#open
    const options = { httpMetadata: {}, customMetadata: [], checksum: undefined }
    const target = { bucket, key, uploadId: await store.createUpload(bucket, key, options) }
    const part = { ...target, partNumber: 1 }
    const { number, etag } = await store.uploadPart(part, bodyOf(content), { digests: [] })
    if (end === 'abort') await store.abortUpload(target)
    if (end !== 'complete') return

    const parts = [{ number, etag, checksums: {} }]
    await store.completeUpload(target, { parts, checksums: {}, requiresEvenParts: false })
  }

  async get(bucket: string, key: string, range?: { start: number; end: number }) {
    try {
      const options = range === undefined ? {} : { range: { kind: 'from' as const, ...range } }
      const result = await this.#open.store.get(bucket, key, options)
      if (result.kind === 'range-not-satisfiable') return 'unsatisfiable'
      assert(result.kind === 'object')
      return { etag: result.info.etag, content: await readAll(result.body) }
    } catch (error) {
      if (isCode(error, 'R2D_NO_SUCH_KEY')) return 'absent'
      throw error
    }
  }

  async delete(bucket: string, keys: string[]): Promise<void> {
    await this.#open.store.delete(bucket, keys)
  }

  async copy(from: [string, string], to: [string, string]): Promise<boolean> {
    const [sourceBucket, sourceKey] = from
    const [bucket, key] = to
    try {
      await this.#open.store.copy({ sourceBucket, sourceKey, bucket, key })
      return true
    } catch (error) {
      if (isCode(error, 'R2D_NO_SUCH_KEY')) return false
      throw error
    }
  }

  async list(bucket: string, options: Parameters<Subject['list']>[1]) {
    const page = await this.#open.store.list(bucket, options)
    const names = [
      ...page.objects.map(object => ({ name: object.key, isPrefix: false })),
      ...page.prefixes.map(name => ({ name, isPrefix: true }))
    ]
    names.sort((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)))
    assert.equal(page.last, names.at(-1)?.name)
    return { names, isTruncated: page.isTruncated }
  }

  async restart(): Promise<void> {
    await this.#open.close()
    this.#open = await openTestStore(this.#home, this.#engine)
  }

  async close(): Promise<void> {
    assert.deepEqual(this.#open.faults, [])
    await this.#open.close()
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof R2dError && error.code === code
}

async function isHeld(write: Promise<unknown>): Promise<boolean> {
  try {
    await write
    return true
  } catch (error) {
    if (isCode(error, 'R2D_PRECONDITION_FAILED')) return false
    throw error
  }
}

for (const engine of ['rocksdb', 'classic-level'] as const) {
  test(`the store over ${engine} agrees with the model, whatever is asked of it`, async t => {
    const commands = fc.array(command, { minLength: 5, maxLength: 40 })
    const property = fc.asyncProperty(commands, async all => {
      const home = await makeHome()
      const subject = await StoreSubject.open(home, engine)
      try {
        await runCommands(subject, all)
      } finally {
        await subject.close()
        await home.remove()
      }
    })
    const numRuns = Number(process.env['R2D_RUNS'] ?? 12)
    await t.notThrowsAsync(fc.assert(property, { numRuns }))
  })
}
