/**
 * The volumes of a store as one thread sees them: which there are, and which can be used.
 *
 * A volume that cannot be opened does not keep the others from being used: it is `failed`, and said to be. One that
 * fails a write is `failed` from then on; one that has no space is `full` until it has some again.
 */

import assert from 'node:assert/strict'
import { R2dError } from '../errors.ts'
import { errnoOf, nodeFiles, type FileSystem } from '../file.ts'
import { requireVolume } from './superblock.ts'

/** Bytes that are left free on a volume: repair and deletion need some to work with. */
export const freeSpaceMin = 64 * 1024 * 1024

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
}

/** Removed volumes are in no set. */
export type RecordedState = 'active' | 'draining' | 'leaving' | 'lost'

export type VolumeState = 'active' | 'full' | 'failed'

export type VolumeFaultKind = 'open' | 'write' | 'read' | 'full'

export interface VolumeFault {
  kind: VolumeFaultKind
  volume: number
  reason: string
  segment?: number
  offset?: number
  extentId?: Buffer
}

export interface Volume extends VolumeDescription {
  state: VolumeState
  /** Why it is not active. */
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
}

export class VolumeSet {
  readonly files: FileSystem
  readonly storeId: Buffer
  readonly now: () => number
  readonly #volumes = new Map<number, Volume>()
  readonly #onFault: (fault: VolumeFault) => void
  #spaceRead = 0

  private constructor({ storeId, onFault, files, now }: VolumeSetOptions) {
    this.storeId = storeId
    this.files = files ?? nodeFiles
    this.now = now ?? Date.now
    this.#onFault = onFault
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

  /** A write failed: nothing more is written there. */
  markFailed(volume: Volume, error: unknown): void {
    const isFull = errnoOf(error) === 'ENOSPC' || errnoOf(error) === 'EDQUOT'
    const reason = describe(error)
    if (volume.state === 'active') this.#set(volume, isFull ? 'full' : 'failed', reason)
    this.#onFault({ kind: isFull ? 'full' : 'write', volume: volume.number, reason })
  }

  /** What another thread met on a volume. */
  learn({ kind, volume: number, reason }: Pick<VolumeFault, 'kind' | 'volume' | 'reason'>): void {
    const volume = this.#volumes.get(number)
    if (volume?.state !== 'active' || kind === 'read') return

    this.#set(volume, kind === 'full' ? 'full' : 'failed', reason)
  }

  async #add(description: VolumeDescription): Promise<void> {
    assert(!this.#volumes.has(description.number))
    const volume: Volume = {
      ...description,
      state: 'active',
      reason: undefined,
      domain: description.failureDomain,
      free: 0,
      total: 0
    }
    this.#volumes.set(volume.number, volume)
    const { path, id: volumeId } = volume
    try {
      await requireVolume(path, { storeId: this.storeId, volumeId }, this.files)
      await this.#refresh(volume)
    } catch (error) {
      this.#set(volume, 'failed', describe(error))
      this.#onFault({ kind: 'open', volume: volume.number, reason: describe(error) })
    }
  }

  async #refresh(volume: Volume): Promise<void> {
    try {
      const { device, free, total } = await this.files.space(volume.path)
      volume.free = free
      volume.total = total
      if (volume.failureDomain === '') volume.domain = `device ${device}`
      if (volume.state === 'active' && free < freeSpaceMin) {
        this.#set(volume, 'full', `${free} bytes are free`)
        this.#onFault({ kind: 'full', volume: volume.number, reason: volume.reason ?? '' })
      }
      // Twice the bound, so that it does not go back and forth at it.
      if (volume.state === 'full' && free > 2 * freeSpaceMin) this.#set(volume, 'active', undefined)
    } catch (error) {
      if (volume.state === 'failed') return
      this.#set(volume, 'failed', describe(error))
      this.#onFault({ kind: 'open', volume: volume.number, reason: describe(error) })
    }
  }

  #set(volume: Volume, state: VolumeState, reason: string | undefined): void {
    volume.state = state
    volume.reason = reason
  }
}

function describe(error: unknown): string {
  if (error instanceof R2dError) return error.message

  return error instanceof Error ? error.message : String(error)
}
