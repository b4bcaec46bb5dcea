// A store whose clock the test moves, with a bucket that keeps what is deleted, and whole runs of what the product does in steps.

import { runTrashRound } from '../../src/objects/expire-trash.ts'
import {
  emptyTrash,
  listTrash,
  undo,
  type TrashContext,
  type TrashedObject
} from '../../src/objects/trash.ts'
import {
  bodyOf,
  openTestStore,
  plain,
  readAll,
  type TestHome,
  type TestStore
} from './open-store.ts'

export class TrashStore {
  readonly open: TestStore
  readonly clock = { now: Date.parse('2030-01-01T10:00:00Z') }
  readonly context: TrashContext

  private constructor(open: TestStore) {
    this.open = open
    const now = (): number => this.clock.now
    open.context.now = now
    const { metadata, committer } = open.context
    // Small, so that what is done here takes several steps.
    this.context = { metadata, committer, now, stepSize: 2 }
  }

  static async open(home: TestHome): Promise<TrashStore> {
    return new TrashStore(await openTestStore(home, 'rocksdb'))
  }

  async put(bucket: string, key: string, content: string): Promise<void> {
    await this.open.store.put(bucket, key, bodyOf(Buffer.from(content)), plain)
  }

  /** Content by key. */
  async contents(bucket: string): Promise<Record<string, string>> {
    const options = { prefix: '', delimiter: '', startAfter: '', limit: 1000 }
    const found: Record<string, string> = {}
    for (const { key } of (await this.open.store.list(bucket, options)).objects) {
      const got = await this.open.store.get(bucket, key, {})
      if (got.kind !== 'object') throw new Error(`${key} is listed and not there`)
      found[key] = (await readAll(got.body)).toString()
    }
    return found
  }

  async trash(bucket: string, prefix = ''): Promise<TrashedObject[]> {
    const all: TrashedObject[] = []
    for (let after: string | undefined; ;) {
      const { objects, next } = await listTrash(this.context, { bucket, prefix, after })
      all.push(...objects)
      if (next === undefined) return all
      after = next
    }
  }

  /** `stepMax`: cut off behind so many steps. */
  async undo(
    bucket: string,
    prefix: string,
    asOf: number,
    { isDry = false, stepMax = Infinity } = {}
  ): Promise<{ restored: number; removed: number }> {
    const done = { restored: 0, removed: 0 }
    const begun = this.clock.now
    let after: string | undefined
    for (let step = 0; step < stepMax; step++) {
      const options = { bucket, prefix, asOf, begun, isDry, after }
      const { restored, removed, next } = await undo(this.context, options)
      done.restored += restored
      done.removed += removed
      if (next === undefined) break
      after = next
    }
    return done
  }

  async empty(bucket: string, prefix = ''): Promise<number> {
    let count = 0
    for (let after: string | undefined; ;) {
      const { objects, next } = await emptyTrash(this.context, { bucket, prefix, after })
      count += objects
      if (next === undefined) return count
      after = next
    }
  }

  round(): Promise<{ objects: number; bytes: number }> {
    return runTrashRound({ ...this.context, signal: new AbortController().signal })
  }
}
