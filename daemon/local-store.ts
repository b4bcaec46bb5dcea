/**
 * The store with a committer of its own, in the main thread: before there are others, and where the engine cannot be shared.
 */

import { LocalCommitter, type Committer } from '../src/metadata/committer.ts'
import { ConfigurationEpoch } from '../src/metadata/configuration-epoch.ts'
import type { Engine } from '../src/metadata/engine.ts'
import { GroupCommitter } from '../src/metadata/group-committer.ts'
import { ObjectSequences } from '../src/metadata/object-sequences.ts'
import type { StoreContext } from '../src/objects/context.ts'
import { ExtentWriter } from '../src/storage/extent-writer.ts'
import type { SegmentEvents, SegmentPlace } from '../src/storage/sealed-segments.ts'
import type { VolumeSet } from '../src/storage/volume-set.ts'
import { buildContext } from './parts.ts'
import type { FaultReport, SharedParts } from './thread-messages.ts'

interface LocalStoreParts {
  /** Nobody else commits to it. */
  engine: Engine
  shared: SharedParts
  volumes: VolumeSet
  segments: SegmentEvents
  /** Asked before what adds to the metadata. */
  requireRoom: () => void
  report: (fault: FaultReport) => void
  writeBufferSize: number
  memoryTierSize: number
}

export class LocalStore {
  readonly committer: Committer
  readonly context: StoreContext
  readonly #group: GroupCommitter
  /** Of small extents, which travel with their commits. */
  readonly #writer: ExtentWriter

  constructor({ engine, shared, ...parts }: LocalStoreParts) {
    const { volumes, segments, requireRoom } = parts
    const epoch = new ConfigurationEpoch(shared.epoch)
    this.#group = new GroupCommitter(engine, new ObjectSequences(shared.objectSequences))
    this.#writer = new ExtentWriter({ volumes, segments })
    this.committer = new LocalCommitter(this.#group, this.#writer, epoch, { requireRoom })
    const { committer } = this
    this.context = buildContext(shared, { ...parts, metadata: engine, committer, thread: 0 })
  }

  leaveIdle(place: SegmentPlace, idleMs: number): void {
    for (const each of [this.#writer, this.context.writer]) void each.leaveIdle(place, idleMs)
  }

  /** What was asked for before is committed on return. */
  async close(): Promise<void> {
    await this.#group.close()
    await this.#writer.close()
    const { writer, reader, hashers } = this.context
    await writer.close()
    await reader.close()
    await hashers.close()
  }
}
