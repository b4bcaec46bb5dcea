// A store with the background work on its space, step by step as the test asks for it.

import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { openEngine } from '../../daemon/parts.ts'
import { takeCensus } from '../../src/maintenance/census.ts'
import type { DamagedReplica } from '../../src/maintenance/compact-segment.ts'
import { Compactor, type CompactionFigures } from '../../src/maintenance/compactor.ts'
import { Pace } from '../../src/maintenance/pace.ts'
import { Releaser } from '../../src/maintenance/release.ts'
import { SpaceLedger } from '../../src/maintenance/space-ledger.ts'
import { OperationRegister } from '../../src/metadata/operation-register.ts'
import { ExtentWriter } from '../../src/storage/extent-writer.ts'
import { segmentName } from '../../src/storage/segment-format.ts'
import type { SegmentPlace } from '../../src/storage/sealed-segments.ts'
import type { VolumeFault } from '../../src/storage/volume-set.ts'
import { segmentsName } from '../../src/storage/superblock.ts'
import { FaultyFiles } from '../faults/faulty-files.ts'
import {
  bodyOf,
  makeHome,
  openStoreOn,
  plain,
  readAll,
  type EngineName,
  type TestHome,
  type TestStore
} from '../objects/open-store.ts'

export const bucket = 'bucket'
export const MiB = 1024 * 1024

export function contentOf(size: number, seed: number): Buffer {
  return Buffer.alloc(size, `${seed}-${size}.`)
}

export class SpaceStore {
  readonly home: TestHome
  readonly damaged: DamagedReplica[] = []
  readonly files = new FaultyFiles()
  readonly faults: VolumeFault[] = []
  #engine: EngineName
  #open: TestStore | undefined
  #ledger = new SpaceLedger()
  #compactor: Compactor | undefined
  #releaser: Releaser | undefined
  #writer: ExtentWriter | undefined
  #register: OperationRegister | undefined
  readonly #signal = new AbortController().signal
  clock = { now: Date.now() }

  private constructor(home: TestHome, engine: EngineName) {
    this.home = home
    this.#engine = engine
  }

  static async open(engine: EngineName = 'rocksdb'): Promise<SpaceStore> {
    const store = new SpaceStore(await makeHome(), engine)
    await store.#start()
    await store.opened.store.createBucket(bucket, {})
    return store
  }

  get opened(): TestStore {
    return required(this.#open)
  }

  get ledger(): SpaceLedger {
    return this.#ledger
  }

  get writer(): ExtentWriter {
    return required(this.#writer)
  }

  get register(): OperationRegister {
    return required(this.#register)
  }

  async reopen(): Promise<void> {
    await this.#stop()
    await this.#start()
  }

  async close(): Promise<void> {
    await this.#stop()
    await this.home.remove()
  }

  async put(key: string, content: Buffer): Promise<void> {
    await this.opened.store.put(bucket, key, bodyOf(content), plain)
  }

  async get(key: string): Promise<Buffer> {
    const result = await this.opened.store.get(bucket, key, {})
    if (result.kind !== 'object') throw new RangeError(result.kind)
    return readAll(result.body)
  }

  async release(): Promise<void> {
    await required(this.#releaser).round(this.#signal)
  }

  async census(): Promise<void> {
    const { context, volumes, sealed } = this.opened
    this.#ledger = new SpaceLedger()
    this.#makeWorkers()
    const { metadata } = context
    const onFault = this.#onFault
    await takeCensus({ metadata, volumes, sealed, ledger: this.#ledger, onFault }, this.#signal)
  }

  async compact(): Promise<CompactionFigures> {
    return required(this.#compactor).round(this.#signal)
  }

  /** Writers leave what they have open, whether any of it is dead or not. */
  async seal(): Promise<void> {
    for (const place of this.opened.sealed.open()) {
      await this.opened.leaveIdle(place)
      await this.writer.leaveIdle(place, 0)
    }
  }

  /** Until there is nothing left to do. */
  async reclaim(): Promise<CompactionFigures> {
    await this.release()
    await this.seal()
    const sum = { segments: 0, removed: 0, moved: 0 }
    for (;;) {
      const { segments, removed, moved } = await this.compact()
      if (segments === 0) return sum
      sum.segments += segments
      sum.removed += removed
      sum.moved += moved
      await this.seal()
    }
  }

  segmentPath({ volume, segment }: SegmentPlace): string {
    return join(this.volumePath(volume), segmentsName, segmentName(segment))
  }

  volumePath(volume: number): string {
    return required(this.opened.volumes.byNumber(volume)).path
  }

  /** What the segments take on the disk: their files, and bytes of blocks. */
  async usage(): Promise<{ files: number; bytes: number }> {
    const usage = { files: 0, bytes: 0 }
    for (const { path } of this.opened.volumes.all()) {
      for (const name of await readdir(join(path, segmentsName))) {
        usage.files++
        usage.bytes += (await stat(join(path, segmentsName, name))).blocks * 512
      }
    }
    return usage
  }

  readonly #onFault = (fault: VolumeFault): void => {
    this.faults.push(fault)
  }

  async #start(): Promise<void> {
    const path = join(this.home.path, 'metadata')
    const engine = await openEngine({ engine: this.#engine, path, handle: undefined })
    this.#open = await openStoreOn({ ...this.home, engine, files: this.files })
    const { volumes, sealed, writes } = this.#open
    this.#writer = new ExtentWriter({ volumes, segments: sealed.eventsOf(0) })
    this.#register = new OperationRegister(writes.memory, 1)
    await this.census()
  }

  #makeWorkers(): void {
    const { context, volumes, sealed, reads, leaveIdle } = this.opened
    const { metadata, committer, reader } = context
    const ledger = this.#ledger
    const onFreed = ledger.addFreed.bind(ledger)
    this.#releaser = new Releaser({
      metadata,
      committer,
      reads,
      onFreed,
      onUnheard: () => undefined,
      now: Date.now
    })
    this.#compactor = new Compactor({
      metadata,
      committer,
      volumes,
      writer: this.writer,
      writes: this.register,
      pace: new Pace(1e9),
      retire: place => {
        reader.retire(place)
      },
      onDamage: each => this.damaged.push(each),
      onFault: this.#onFault,
      onFreed,
      sealed,
      ledger,
      deadShare: 0.3,
      leaveIdle: place => void leaveIdle(place),
      now: () => this.clock.now
    })
  }

  async #stop(): Promise<void> {
    await this.#writer?.close()
    await this.#open?.close()
  }
}

function required<T>(value: T | undefined): T {
  if (value === undefined) throw new TypeError('The store is not open')
  return value
}
