/**
 * The commit path as the folders left of this one see it.
 *
 * In the thread that owns the engine it is a `LocalCommitter`; in every other it is a
 * `PortCommitter`, which speaks to that thread. Either way, what resolves is durable, and every read
 * that starts after that, in any thread, sees it.
 */

import { R2dError } from '../errors.ts'
import type { ExtentWriter, PlacementPolicy } from '../storage/extent-writer.ts'
import type { SealedExtent } from '../storage/extent.ts'
import type { ConfigurationEpoch } from './configuration-epoch.ts'
import { ExtentCohorts } from './extent-cohorts.ts'
import type { GroupCommitter } from './group-committer.ts'
import {
  mutations,
  newExtent,
  type MutationName,
  type MutationParameters,
  type MutationResult,
  type NewExtent
} from './mutations.ts'

/** A small extent that is still to be written, into the segments that all threads share. */
export interface PendingExtent {
  extent: SealedExtent
  policy: PlacementPolicy
}

export interface Committer {
  mutate<Name extends MutationName>(
    name: Name,
    parameters: MutationParameters<Name>
  ): Promise<MutationResult<Name>>

  /**
   * Writes `pending` to its replicas, then runs the mutation with it among its new extents: one trip to the
   * committer for a small object, and one fdatasync a volume for all that arrive together.
   */
  mutateWithExtent<Name extends MutationName>(
    name: Name,
    parameters: MutationParameters<Name> & { extents: NewExtent[] },
    pending: PendingExtent
  ): Promise<MutationResult<Name>>
}

/** Those that leave buckets and access keys as others see them. */
const objectMutations: ReadonlySet<MutationName> = new Set([
  'putObject',
  'copyObject',
  'deleteObjects',
  'setObjectTags',
  'createUpload',
  'putPart',
  'completeUpload',
  'abortUpload',
  'buildTimeIndex',
  'clearTimeIndex',
  'applyLifecycle',
  'expireTrash',
  'restoreTrash',
  'retireNewer',
  'setReplicas',
  'releaseDiscards',
  'settleRepair',
  'noteRepairs',
  'advanceScrub',
  'moveReplicas',
  'confirmVolume'
])

/** Those that add to the metadata: others change a row, or free space. */
const growingMutations: ReadonlySet<MutationName> = new Set([
  'putObject',
  'copyObject',
  'setObjectTags',
  'createUpload',
  'putPart',
  'completeUpload',
  'createBucket',
  'setBucketCors',
  'setBucketLifecycle',
  'buildTimeIndex',
  'createCredential'
])

export interface LocalCommitterOptions {
  /** Throws if there is no room for more metadata. */
  requireRoom?: () => void
}

export class LocalCommitter implements Committer {
  readonly #group: GroupCommitter
  readonly #extents: ExtentCohorts
  readonly #epoch: ConfigurationEpoch
  readonly #requireRoom: () => void

  constructor(
    group: GroupCommitter,
    writer: ExtentWriter,
    epoch: ConfigurationEpoch,
    { requireRoom = () => undefined }: LocalCommitterOptions = {}
  ) {
    this.#group = group
    this.#extents = new ExtentCohorts(writer)
    this.#epoch = epoch
    this.#requireRoom = requireRoom
  }

  async mutate<Name extends MutationName>(
    name: Name,
    parameters: MutationParameters<Name>
  ): Promise<MutationResult<Name>> {
    if (growingMutations.has(name)) this.#requireRoom()
    try {
      return await this.#group.run(mutations[name], parameters)
    } finally {
      // A commit that failed may have happened all the same.
      if (!objectMutations.has(name)) this.#epoch.advance()
    }
  }

  async mutateWithExtent<Name extends MutationName>(
    name: Name,
    parameters: MutationParameters<Name> & { extents: NewExtent[] },
    pending: PendingExtent
  ): Promise<MutationResult<Name>> {
    this.#requireRoom()
    const { extent } = pending
    const replicas = await this.#extents.write(pending)
    const extents = [...parameters.extents, newExtent(extent, replicas, pending.policy)]

    return this.mutate(name, { ...parameters, extents })
  }
}

/** The committer is gone or going: the outcome of what was in flight is unknown to the caller. */
export function committerUnavailable(cause?: unknown): R2dError {
  return new R2dError('R2D_UNAVAILABLE', 'The commit service is restarting', {
    cause,
    hint: 'Repeat the request'
  })
}
