/**
 * Every mutation of the metadata, by the name under which it travels to the committer.
 */

import { createBucket, markBucket, removeBucket } from './mutations/bucket.ts'
import { setBucketCors } from './mutations/bucket-cors.ts'
import { setBucketLifecycle } from './mutations/bucket-lifecycle.ts'
import { copyObject } from './mutations/copy-object.ts'
import { createCredential, removeCredential } from './mutations/credential.ts'
import { deleteObjects } from './mutations/delete-objects.ts'
import { applyLifecycle, buildTimeIndex, clearTimeIndex } from './mutations/lifecycle-work.ts'
import { moveReplicas } from './mutations/move-replicas.ts'
import { releaseDiscards } from './mutations/release.ts'
import { beginKeyRotation, finishKeyRotation, rewrapKeys } from './mutations/master-key.ts'
import { noteRepairs, setReplicas, settleRepair } from './mutations/repair.ts'
import { advanceScrub } from './mutations/scrub.ts'
import { setObjectTags } from './mutations/set-object-tags.ts'
import { putObject } from './mutations/put-object.ts'
import { setBucketReplicas, setLocationReplicas } from './mutations/replica-policy.ts'
import { addVolume, confirmVolume, setVolumeState } from './mutations/volume.ts'
import { expireTrash, restoreTrash, retireNewer, setBucketTrash } from './mutations/trash.ts'
import { abortUpload, completeUpload, createUpload, putPart } from './mutations/upload.ts'
import type { Mutation } from './transaction.ts'

export { newExtent, type NewExtent, type NewPage } from './mutations/new-content.ts'

// Each mutation has its own parameters and result; `any` lets one table hold them all, and the
// mapped types below give every caller back the exact ones.
type Registry = typeof registry

const registry = {
  putObject,
  copyObject,
  deleteObjects,
  setObjectTags,
  createUpload,
  putPart,
  completeUpload,
  abortUpload,
  createBucket,
  markBucket,
  removeBucket,
  setBucketCors,
  setBucketLifecycle,
  buildTimeIndex,
  clearTimeIndex,
  applyLifecycle,
  setReplicas,
  releaseDiscards,
  settleRepair,
  noteRepairs,
  advanceScrub,
  moveReplicas,
  createCredential,
  removeCredential,
  setLocationReplicas,
  setBucketReplicas,
  beginKeyRotation,
  rewrapKeys,
  setBucketTrash,
  expireTrash,
  restoreTrash,
  retireNewer,
  finishKeyRotation,
  addVolume,
  setVolumeState,
  confirmVolume
}

export type MutationName = keyof Registry

export type MutationParameters<Name extends MutationName> =
  Registry[Name] extends Mutation<infer Parameters, unknown> ? Parameters : never

export type MutationResult<Name extends MutationName> =
  Registry[Name] extends Mutation<never, infer Result> ? Result : never

export const mutations: {
  [Name in MutationName]: Mutation<MutationParameters<Name>, MutationResult<Name>>
} = registry
