/**
 * What an operator does with volumes: one thing after the other, each a commit that is told to every thread before it is answered.
 *
 * A volume leaves by being emptied (`drain`), which is repair's work, and being removed once a scan has proved that no extent
 * names it. A kill between any two steps leaves a state that the next start reads, and that the same order goes on from.
 */

import { dirname } from 'node:path'
import type { Logger } from 'pino'
import { R2dError } from '../src/errors.ts'
import { readVolumeContents, type VolumeContents } from '../src/maintenance/volume-contents.ts'
import type { Committer } from '../src/metadata/committer.ts'
import type { Engine } from '../src/metadata/engine.ts'
import { volumeKey } from '../src/metadata/keys.ts'
import {
  decodeVolumeRecord,
  type RecordedVolumeState,
  type VolumeRecord
} from '../src/metadata/volume-record.ts'
import { createVolume, requireVolume } from '../src/storage/superblock.ts'
import {
  inspectDirectory,
  probeVolume,
  requireApart,
  type TakenDirectory
} from '../src/storage/volume-directory.ts'
import type { ReplicaPolicies } from './replica-policies.ts'
import type { VolumeList } from './volume-list.ts'
import { pathInRow, readVolumeRows, toVolumeRow, type VolumeRow } from './volume-rows.ts'

export interface VolumeAdministrationOptions {
  metadata: Engine
  committer: Committer
  list: VolumeList
  policies: ReplicaPolicies
  storeId: Buffer
  homePath: string
  /** Directories that volumes are not to be in or around. */
  reserved: TakenDirectory[]
  /** Replicas may be missing, or there may be room for those that are. */
  onChange: () => void
  log: Logger
}

export interface AddVolumeRequest {
  /** Absolute. */
  path: string
  location: string
  /** Empty: the device. */
  failureDomain: string
}

export type RepairVolumeResult =
  | { outcome: 'active' | 'reactivated' }
  /** The disk was another one: the volume is lost, and this one takes its place. */
  | { outcome: 'replaced'; by: number }

export class VolumeAdministration {
  readonly #options: VolumeAdministrationOptions
  #last: Promise<unknown> = Promise.resolve()
  readonly #stopping = new AbortController()

  constructor(options: VolumeAdministrationOptions) {
    this.#options = options
  }

  /** What is under way ends soon. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#last
  }

  /** Those that were removed, too. */
  rows(): Promise<VolumeRow[]> {
    const { metadata, homePath } = this.#options
    return readVolumeRows(metadata, homePath)
  }

  /** R2D_NO_SUCH_VOLUME. */
  async row(number: number): Promise<VolumeRow> {
    const { metadata, homePath } = this.#options
    const found = await metadata.get(volumeKey(number))
    if (found === undefined) {
      throw new R2dError('R2D_NO_SUCH_VOLUME', `There is no volume ${number}`)
    }
    return toVolumeRow(number, decodeVolumeRecord(found.value), homePath)
  }

  /** A scan of all extents. */
  contents(number: number): Promise<VolumeContents> {
    const { metadata, list } = this.#options
    const isUsable = (volume: number): boolean => {
      const state = list.set.byNumber(volume)?.state
      return state !== undefined && state !== 'failed' && state !== 'lost'
    }
    return readVolumeContents(metadata, number, isUsable, this.#stopping.signal)
  }

  /** The number of the new volume. R2D_VOLUME_EXISTS, R2D_FOREIGN_VOLUME, R2D_INVALID_LOCATION, R2D_INVALID_CONFIG. */
  add(request: AddVolumeRequest): Promise<number> {
    return this.#inTurn(async () => {
      await this.#options.policies.requireLocation(request.location)
      return this.#make(request)
    })
  }

  /** Its extents are moved from now on. R2D_TOO_FEW_VOLUMES: what is on it has no place elsewhere. */
  drain(number: number): Promise<void> {
    return this.#inTurn(async () => {
      const { state, location } = await this.row(number)
      if (state === 'lost' || state === 'removed') throw isOut(number, state)
      if (state === 'active') await this.#options.policies.requireVolumes(location, number)
      await this.#setState(number, [state], 'draining')
    })
  }

  /** A drain is called off: what was moved stays where it is. */
  undrain(number: number): Promise<void> {
    return this.#inTurn(async () => {
      const { state } = await this.row(number)
      if (state === 'lost' || state === 'removed') throw isOut(number, state)
      await this.#setState(number, ['active', 'draining', 'leaving'], 'active')
    })
  }

  /** R2D_VOLUME_IN_USE: extents name it. On return no thread has a file of it open. */
  remove(number: number): Promise<void> {
    return this.#inTurn(async () => {
      const { state } = await this.row(number)
      if (state === 'removed') return
      if (state === 'active') {
        throw new R2dError('R2D_VOLUME_IN_USE', `Volume ${number} is in use`, {
          hint: `Empty it first: r2d volume drain ${number}. If its disk is gone for good: r2d volume rm ${number} --force`
        })
      }

      if (state === 'draining') await this.#setState(number, ['draining'], 'leaving')
      const contents = await this.contents(number)
      if (this.#stopping.signal.aborted) throw stopping()
      if (contents.extents > 0) {
        if (state !== 'lost') await this.#setState(number, ['leaving'], 'draining')
        throw notEmpty(number, contents, state === 'lost')
      }
      await this.#setState(number, ['leaving', 'lost'], 'removed')
    })
  }

  /**
   * What is on it counts for nothing from now on, and is made anew from other replicas. R2D_VOLUME_IN_USE if there are none of some
   * extents, unless that is accepted.
   */
  forget(number: number, { acceptsLoss }: { acceptsLoss: boolean }): Promise<VolumeContents> {
    return this.#inTurn(async () => {
      const { state } = await this.row(number)
      if (state === 'removed') throw isOut(number, state)
      const contents = await this.#requireOthers(number, acceptsLoss)
      await this.#setState(number, [state], 'lost')
      return contents
    })
  }

  /** A failed volume that is in order again is used again; one whose directory is empty is replaced by a new one there. */
  repair(number: number, { acceptsLoss }: { acceptsLoss: boolean }): Promise<RepairVolumeResult> {
    return this.#inTurn(async () => {
      const { list, storeId } = this.#options
      const { files } = list.set
      const row = await this.row(number)
      const { directory: path, location, failureDomain } = row
      if (row.state === 'lost' || row.state === 'removed') throw isOut(number, row.state)

      const found = await inspectDirectory(path, files)
      if (found.kind === 'absent') throw isAbsent(number, path)
      if (found.kind === 'empty' || (await this.#isUnclaimed(found))) {
        await this.#requireOthers(number, acceptsLoss)
        const by = await this.#make({ path, location, failureDomain }, row)
        return { outcome: 'replaced', by }
      }

      await requireVolume(path, { storeId, volumeId: row.id }, files)
      await probeVolume(path, files)
      if (!list.isFailed(number)) return { outcome: 'active' }
      await list.revive(number)
      this.#options.onChange()
      return { outcome: 'reactivated' }
    })
  }

  /** Makes a volume, which is used on return. A killed attempt leaves a superblock, and is gone on with by the next. */
  async #make(
    { path, location, failureDomain }: AddVolumeRequest,
    replaced?: VolumeRow
  ): Promise<number> {
    const { list, storeId, homePath, reserved, committer, log } = this.#options
    const { files } = list.set
    const rows = await this.rows()
    const others = rows.filter(row => row.state !== 'removed' && row.state !== 'lost')
    const taken = others
      .filter(row => row.number !== replaced?.number)
      .map(row => ({ path: row.directory, what: `volume ${row.number}` }))
    await requireApart(path, [...taken, ...reserved])
    if ((await inspectDirectory(dirname(path), files)).kind === 'absent') {
      throw new R2dError('R2D_INVALID_CONFIG', `${dirname(path)} is not there`, {
        hint: 'Make the directory that the volume is to be in, or mount the disk'
      })
    }

    const found = await inspectDirectory(path, files)
    if (found.kind === 'occupied') {
      throw new R2dError('R2D_VOLUME_EXISTS', `${path} is not empty: ${found.name} is in it`, {
        hint: 'Give the path of a new or an empty directory'
      })
    }
    const isOurs = found.kind === 'volume' && found.storeId.equals(storeId)
    const claimed = isOurs ? rows.find(row => row.number === found.number) : undefined
    if (claimed !== undefined) {
      throw new R2dError(
        'R2D_VOLUME_EXISTS',
        `${path} was volume ${claimed.number}, which is ${claimed.state} now`,
        { hint: 'Delete what is in the directory, if it is not needed any more' }
      )
    }

    const number = isOurs ? found.number : Math.max(0, ...rows.map(row => row.number)) + 1
    const { id } = await createVolume(path, { storeId, number }, files)
    await probeVolume(path, files)
    const record: VolumeRecord = {
      id,
      path: pathInRow(path, homePath),
      location,
      failureDomain,
      state: 'active'
    }
    await committer.mutate('addVolume', { number, record, replaced: replaced?.number })
    await this.#changed()
    log.info({ volume: number, path, location, replaced: replaced?.number }, 'a volume was added')
    return number
  }

  /** Whether it is a volume of this store that no row knows: an attempt to make it was cut short. */
  async #isUnclaimed(found: Awaited<ReturnType<typeof inspectDirectory>>): Promise<boolean> {
    const { metadata, storeId } = this.#options
    if (found.kind !== 'volume' || !found.storeId.equals(storeId)) return false

    return (await metadata.get(volumeKey(found.number))) === undefined
  }

  /** R2D_VOLUME_IN_USE if there are extents that no other volume has, unless that is accepted. */
  async #requireOthers(number: number, acceptsLoss: boolean): Promise<VolumeContents> {
    const contents = await this.contents(number)
    if (this.#stopping.signal.aborted) throw stopping()
    if (contents.extentsOnlyHere === 0 || acceptsLoss) return contents

    throw new R2dError(
      'R2D_VOLUME_IN_USE',
      `${contents.extentsOnlyHere} of the ${contents.extents} extents on volume ${number} are on no other volume that can be read`,
      { hint: 'Bring the other volumes back first; --accept-loss gives these extents up' }
    )
  }

  async #setState(
    number: number,
    from: RecordedVolumeState[],
    to: RecordedVolumeState
  ): Promise<void> {
    await this.#options.committer.mutate('setVolumeState', { number, from, to })
    await this.#changed()
    this.#options.log.info({ volume: number, state: to }, 'a volume has another state')
  }

  async #changed(): Promise<void> {
    await this.#options.list.reload()
    this.#options.onChange()
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(() => {
      if (this.#stopping.signal.aborted) throw stopping()
      return work()
    })
    this.#last = turn.catch(() => undefined)
    return turn
  }
}

function isOut(number: number, state: string): R2dError {
  return new R2dError('R2D_NO_SUCH_VOLUME', `Volume ${number} is ${state}`, {
    hint: 'r2d volume ls shows those that are in use'
  })
}

function isAbsent(number: number, path: string): R2dError {
  return new R2dError(
    'R2D_FOREIGN_VOLUME',
    `The directory of volume ${number}, ${path}, is not there`,
    {
      hint: 'Mount its disk; if that is gone for good, put an empty directory there for a new one'
    }
  )
}

function notEmpty(number: number, { extents }: VolumeContents, isLost: boolean): R2dError {
  return new R2dError(
    'R2D_VOLUME_IN_USE',
    isLost
      ? `${extents} extents still name volume ${number}, and are to be made anew from their other replicas`
      : `${extents} extents are still on volume ${number}`,
    { hint: `r2d volume info ${number} shows how far it is` }
  )
}

function stopping(): R2dError {
  return new R2dError('R2D_UNAVAILABLE', 'The daemon is stopping')
}
