/**
 * The volumes of a store as one thread sees them: which there are, and which can be used.
 *
 * What a volume is for is recorded in its row, and what became of its disk is found out here. A volume that cannot be opened
 * does not keep the others from being used: it is `failed`, and said to be. One that fails a write is `failed` from then
 * on, until the main thread says otherwise; one that has no space is `full` until it has some again.
 *
 * The main thread decides which volumes there are: `update` brings the set to what it says, while reads and writes go on.
 */

import assert from 'node:assert/strict'
import { errnoOf, nodeFiles, type FileSystem } from '../file.ts'
import { requireVolume } from './superblock.ts'

/** Bytes that are left free on a volume, if nothing else is asked for: repair and compaction need some to work with. */
const freeSpaceMinDefault = 64 * 1024 * 1024

/** How long a reading of free space is used, milliseconds. */
const spaceAgeMaxMs = 2_000

export interface VolumeDescription {
  /** At least 1, never reused. */
  number: number
  /** 16 bytes. */
  id: Buffer
  /** Absolute. */
  path: string
  location: string
  /** Volumes of one domain fail together; empty means those on one device. */
  failureDomain: string
  /** What its row says. */
  recorded: RecordedState
  /** Why the main thread holds its disk for failed: it is not written to, and read last. */
  failure?: string | undefined
}

/** Removed volumes are in no set. */
export type RecordedState = 'active' | 'draining' | 'leaving' | 'lost'

/**
 * What it can be used for.
 *
 *     active     reads and new replicas
 *     full       reads, until there is space again
 *     draining   reads: its row says that it is to be emptied, or is being taken out
 *     failed     reads, after all others
 *     lost       nothing
 */
export type VolumeState = 'active' | 'full' | 'draining' | 'failed' | 'lost'

export type VolumeFaultKind = 'open' | 'write' | 'read' | 'full'

export interface VolumeFault {
  kind: VolumeFaultKind
  volume: number
  reason: string
  /** Of the call that failed, such as `EIO`; absent if the bytes were wrong. */
  errno?: string
  segment?: number
  offset?: number
  extentId?: Buffer
}

export interface Volume extends VolumeDescription {
  /** What follows from what is recorded and what the disk does. */
  state: VolumeState
  /** As far as the disk goes. */
  condition: 'good' | 'full' | 'failed'
  /** Why its condition is not good. */
  reason: string | undefined
  /** The owner's failure domain, or the device. */
  domain: string
  /** Bytes. */
  free: number
  total: number
}

export interface VolumeSetOptions {
  storeId: Buffer
  onFault: (fault: VolumeFault) => void
  files?: FileSystem
  /** Milliseconds since the epoch. */
  now?: () => number
  /** Bytes that are left free on each volume. */
  freeSpaceMin?: number
}

export class VolumeSet {
  readonly files: FileSystem
  readonly storeId: Buffer
  readonly now: () => number
  readonly #volumes = new Map<number, Volume>()
  readonly #onFault: (fault: VolumeFault) => void
  readonly #freeSpaceMin: number
  readonly #followers: (() => Promise<void>)[] = []
  #spaceRead = 0

  private constructor({ storeId, onFault, files, now, freeSpaceMin }: VolumeSetOptions) {
    this.storeId = storeId
    this.files = files ?? nodeFiles
    this.now = now ?? Date.now
    this.#onFault = onFault
    this.#freeSpaceMin = freeSpaceMin ?? freeSpaceMinDefault
  }

  static async open(
    descriptions: readonly VolumeDescription[],
    options: VolumeSetOptions
  ): Promise<VolumeSet> {
    const set = new VolumeSet(options)
    await Promise.all(descriptions.map(description => set.#add(description)))
    set.#spaceRead = set.now()
    return set
  }

  /** In the order of numbers. */
  all(): Volume[] {
    return [...this.#volumes.values()].sort((a, b) => a.number - b.number)
  }

  byNumber(number: number): Volume | undefined {
    return this.#volumes.get(number)
  }

  /** The volumes of a location, their free space known to a few seconds. */
  async inLocation(location: string): Promise<Volume[]> {
    if (this.now() - this.#spaceRead > spaceAgeMaxMs) await this.refreshSpace()

    return this.all().filter(volume => volume.location === location)
  }

  async refreshSpace(): Promise<void> {
    this.#spaceRead = this.now()
    await Promise.all(this.all().map(volume => this.#refresh(volume)))
  }

  /** Whether compaction may put so many bytes there: half of what is left free is the metadata's journal's, by which things are deleted. */
  async hasRoom(volume: Volume, size: number): Promise<boolean> {
    await this.#refresh(volume)
    return volume.free - size >= this.#freeSpaceMin / 2
  }

  /**
   * Brings the set to these volumes. On return nothing that begins writes to one that is not active, and what had files open on
   * one that is gone has closed them.
   */
  async update(descriptions: readonly VolumeDescription[]): Promise<void> {
    const numbers = new Set(descriptions.map(({ number }) => number))
    for (const volume of this.all()) {
      if (!numbers.has(volume.number)) this.#forget(volume)
    }
    await Promise.all(
      descriptions.map(async description => {
        const volume = this.#volumes.get(description.number)
        if (volume === undefined) await this.#add(description)
        else await this.#change(volume, description)
      })
    )
    await Promise.all(this.#followers.map(follow => follow()))
  }

  /** `follow` lets go of volumes that are not to be used any more; it is called at each update. */
  onUpdate(follow: () => Promise<void>): void {
    this.#followers.push(follow)
  }

  /** A write failed: nothing more is written there. */
  markFailed(volume: Volume, error: unknown): void {
    const errno = errnoOf(error)
    const kind = errno === 'ENOSPC' || errno === 'EDQUOT' ? 'full' : 'write'
    this.#report(volume, {
      kind,
      reason: describe(error),
      ...(errno === undefined ? {} : { errno })
    })
  }

  /** What another thread met on a volume. Whether its condition is worse than it was. */
  learn({
    kind,
    volume: number,
    reason
  }: Pick<VolumeFault, 'kind' | 'volume' | 'reason'>): boolean {
    const volume = this.#volumes.get(number)
    if (volume === undefined || kind === 'read') return false

    return this.#worsen(volume, kind === 'full' ? 'full' : 'failed', reason)
  }

  /** Whether a volume is still there and what it was: a mount may be gone. It is `failed` if not. */
  async verify(number: number): Promise<void> {
    const volume = this.#volumes.get(number)
    if (volume === undefined || volume.recorded === 'lost' || volume.condition === 'failed') return

    await this.#open(volume)
  }

  async #add(description: VolumeDescription): Promise<void> {
    assert(!this.#volumes.has(description.number))
    const volume: Volume = {
      ...description,
      state: 'active',
      condition: 'good',
      reason: undefined,
      domain: description.failureDomain,
      free: 0,
      total: 0
    }
    this.#set(volume, description.failure === undefined ? 'good' : 'failed', description.failure)
    this.#volumes.set(volume.number, volume)
    if (volume.state !== 'lost' && volume.state !== 'failed') await this.#open(volume)
  }

  async #change(volume: Volume, { recorded, failure }: VolumeDescription): Promise<void> {
    const isRevived = volume.failure !== undefined && failure === undefined
    volume.recorded = recorded
    volume.failure = failure
    if (isRevived) this.#set(volume, 'good', undefined)
    else if (failure !== undefined) this.#set(volume, 'failed', failure)
    else this.#set(volume, volume.condition, volume.reason)
    if (isRevived && recorded !== 'lost') await this.#open(volume)
  }

  /** Whoever still holds it sees that it is not to be used. */
  #forget(volume: Volume): void {
    this.#volumes.delete(volume.number)
    volume.recorded = 'lost'
    this.#set(volume, volume.condition, volume.reason)
  }

  async #open(volume: Volume): Promise<void> {
    const { path, id: volumeId } = volume
    try {
      await requireVolume(path, { storeId: this.storeId, volumeId }, this.files)
      await this.#refresh(volume)
    } catch (error) {
      this.#report(volume, { kind: 'open', reason: describe(error) })
    }
  }

  async #refresh(volume: Volume): Promise<void> {
    if (volume.state === 'lost') return

    try {
      const { device, free, total } = await this.files.space(volume.path)
      volume.free = free
      volume.total = total
      if (volume.failureDomain === '') volume.domain = `device ${device}`
      if (volume.condition === 'good' && free < this.#freeSpaceMin) {
        this.#report(volume, { kind: 'full', reason: `${free} bytes are free` })
      }
      // Twice the bound, so that it does not go back and forth at it.
      if (volume.condition === 'full' && free >= 2 * this.#freeSpaceMin) {
        this.#set(volume, 'good', undefined)
      }
    } catch (error) {
      if (volume.condition === 'failed') return
      this.#report(volume, { kind: 'open', reason: describe(error) })
    }
  }

  #report(volume: Volume, fault: Omit<VolumeFault, 'volume'>): void {
    this.#worsen(volume, fault.kind === 'full' ? 'full' : 'failed', fault.reason)
    this.#onFault({ volume: volume.number, ...fault })
  }

  #worsen(volume: Volume, condition: 'full' | 'failed', reason: string): boolean {
    const isWorse =
      volume.condition === 'good' || (volume.condition === 'full' && condition === 'failed')
    if (isWorse) this.#set(volume, condition, reason)
    return isWorse
  }

  #set(volume: Volume, condition: Volume['condition'], reason: string | undefined): void {
    volume.condition = condition
    volume.reason = reason
    volume.state = stateOf(volume)
  }
}

function stateOf({ recorded, condition }: Pick<Volume, 'recorded' | 'condition'>): VolumeState {
  if (recorded === 'lost') return 'lost'
  if (condition === 'failed') return 'failed'
  if (recorded !== 'active') return 'draining'

  return condition === 'full' ? 'full' : 'active'
}

export function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
