// A store whose clock the test moves, and rounds of lifecycle work on it.

import assert from 'node:assert/strict'
import type { Committer } from '../../src/metadata/committer.ts'
import { decodeBucketRecord, type BucketRecord } from '../../src/metadata/bucket-record.ts'
import type { Engine, Entry, Range } from '../../src/metadata/engine.ts'
import {
  bucketKey,
  objectRange,
  parseObjectKey,
  parseTimeIndexKey,
  timeIndexRange
} from '../../src/metadata/keys.ts'
import type { LifecycleRule } from '../../src/metadata/lifecycle-record.ts'
import { decodeObjectRecord } from '../../src/metadata/object-record.ts'
import { decodeTimeIndexRecord } from '../../src/metadata/time-index-record.ts'
import { runLifecycleRound, type LifecycleFigures } from '../../src/objects/lifecycle-work.ts'
import {
  bodyOf,
  openTestStore,
  plain,
  type EngineName,
  type TestHome,
  type TestStore
} from './open-store.ts'

export const dayMs = 86_400_000
export const days = (count: number) => ({ kind: 'age' as const, seconds: count * 86_400 })

export function ruleOf(rule: Partial<LifecycleRule>): LifecycleRule {
  return {
    id: 'rule',
    isEnabled: true,
    prefix: '',
    expiration: undefined,
    transition: undefined,
    abortAge: undefined,
    ...rule
  }
}

export class LifecycleStore {
  readonly open: TestStore
  readonly clock: { now: number }
  /** What rounds said of single buckets, if the test wants to hear it. */
  complaints: string[] | undefined

  private constructor(open: TestStore, clock: { now: number }) {
    this.open = open
    this.clock = clock
    open.context.now = () => clock.now
  }

  static async open(
    home: TestHome,
    engine: EngineName,
    clock = { now: Date.parse('2030-01-01T10:00:00Z') }
  ): Promise<LifecycleStore> {
    return new LifecycleStore(await openTestStore(home, engine), clock)
  }

  async put(bucket: string, key: string, content = key): Promise<void> {
    await this.open.store.put(bucket, key, bodyOf(Buffer.from(content)), plain)
  }

  async keys(bucket: string): Promise<string[]> {
    const options = { prefix: '', delimiter: '', startAfter: '', limit: 1000 }
    return (await this.open.store.list(bucket, options)).objects.map(({ key }) => key)
  }

  /** `committer` in place of the store's own; `signal` ends it early. */
  async round({
    committer = this.open.context.committer,
    signal = new AbortController().signal,
    stepSize
  }: {
    committer?: Pick<Committer, 'mutate'>
    signal?: AbortSignal
    stepSize?: number
  } = {}): Promise<LifecycleFigures> {
    return runLifecycleRound({
      metadata: this.open.context.metadata,
      committer,
      now: () => this.clock.now,
      signal,
      onError: (bucket, error) => {
        if (this.complaints === undefined)
          throw new Error(`Lifecycle of ${bucket}`, { cause: error })
        this.complaints.push(`${bucket}: ${error instanceof Error ? error.message : ''}`)
      },
      ...(stepSize === undefined ? {} : { stepSize })
    })
  }

  /** Puts bytes where a row is, as a disk that rots would. */
  async overwrite(key: Buffer, value: Buffer): Promise<void> {
    const engine = this.open.context.metadata as Engine
    await engine.commit({ checks: [], puts: [{ key, value }], deletes: [] })
  }

  async record(bucket: string): Promise<BucketRecord> {
    const row = await this.open.context.metadata.get(bucketKey(bucket))
    assert(row !== undefined)
    return decodeBucketRecord(row.value)
  }

  /** `uploaded key` of each row of the time index. */
  async index(bucketId: Buffer): Promise<string[]> {
    const rows = await this.#read(timeIndexRange(bucketId))
    return rows.map(({ key: rowKey, value }) => {
      decodeTimeIndexRecord(value)
      const { uploaded, key } = parseTimeIndexKey(rowKey)
      return `${uploaded} ${key.toString()}`
    })
  }

  /** What the time index is to have, were it complete. */
  async expectedIndex(bucketId: Buffer): Promise<string[]> {
    const rows = await this.#read(objectRange(bucketId, Buffer.alloc(0)))
    const objects = rows.map(({ key, value }) => ({
      uploaded: decodeObjectRecord(value).uploaded,
      key: parseObjectKey(key).key
    }))
    objects.sort((a, b) => a.uploaded - b.uploaded || Buffer.compare(a.key, b.key))
    return objects.map(({ uploaded, key }) => `${uploaded} ${key.toString()}`)
  }

  async rowKeys(range: Range): Promise<Buffer[]> {
    return (await this.#read(range)).map(({ key }) => key)
  }

  async rowCount(range: Range): Promise<number> {
    return (await this.#read(range)).length
  }

  async #read(range: Range): Promise<Entry[]> {
    await using cursor = this.open.context.metadata.scan(range)
    return await cursor.read(100_000)
  }
}
