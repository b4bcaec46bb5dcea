/**
 * What the control socket answers about trash: JSON over HTTP, as protocol.ts has it. Times are ISO 8601.
 *
 *     POST /v1/trash/policy      { bucket } -> TrashPolicyDocument
 *     POST /v1/trash/policy/set  SetTrashPolicy -> TrashPolicyDocument
 *     POST /v1/trash/list        TrashStep -> TrashPage
 *     POST /v1/trash/restore     { bucket, id } -> {}
 *     POST /v1/trash/empty       TrashStep -> EmptiedTrash
 *     POST /v1/undo              UndoRequest -> UndoAnswer
 *
 * What looks at many rows is answered in steps: `next` of an answer is `after` of the next request; without it, that was all.
 */

export interface TrashPolicyDocument {
  mode: 'off' | 'keep' | 'shred'
  /** How long objects are kept, or were last. */
  seconds: number
  /** Since when they are; absent if they never were. */
  since?: string
  /** In the trash now. */
  objects: number
  bytes: number
}

export interface SetTrashPolicy {
  bucket: string
  mode: TrashPolicyDocument['mode']
  /** With `keep` only. */
  seconds?: number
}

export interface TrashStep {
  bucket: string
  prefix: string
  after?: string
}

export interface TrashEntry {
  id: string
  key: string
  size: number
  cause: 'deleted' | 'replaced' | 'expired' | 'undone'
  /** When it became the current version, ceased to be, and is let go of. */
  since: string
  removed: string
  expires: string
}

export interface TrashPage {
  objects: TrashEntry[]
  next?: string
}

export interface EmptiedTrash {
  objects: number
  bytes: number
  next?: string
}

export interface UndoRequest extends TrashStep {
  /** The moment to go back to. */
  asOf: string
  /** Of the answer before. */
  begun?: string
  isDry: boolean
}

export interface UndoAnswer {
  restored: number
  /** Moved to the trash. */
  removed: number
  begun: string
  next?: string
}
