/**
 * The client of the control socket for trash: step after step, until that was all.
 */

import type { Home } from '../home.ts'
import { askControl } from './client.ts'
import type {
  EmptiedTrash,
  SetTrashPolicy,
  TrashEntry,
  TrashPage,
  TrashPolicyDocument,
  TrashStep,
  UndoAnswer,
  UndoRequest
} from './trash-protocol.ts'

/** Of one step. */
const timeoutMs = 60_000

export class TrashClient {
  readonly #socketPath: string

  constructor(home: Pick<Home, 'controlSocket'>) {
    this.#socketPath = home.controlSocket
  }

  policy(bucket: string): Promise<TrashPolicyDocument> {
    return this.#ask('/v1/trash/policy', { bucket })
  }

  setPolicy(policy: SetTrashPolicy): Promise<TrashPolicyDocument> {
    return this.#ask('/v1/trash/policy/set', policy)
  }

  /** In the order in which they came in. */
  async *list(of: TrashStep): AsyncGenerator<TrashEntry[], void, undefined> {
    let after: string | undefined
    do {
      const step = after === undefined ? of : { ...of, after }
      const { objects, next } = await this.#ask<TrashPage>('/v1/trash/list', step)
      yield objects
      after = next
    } while (after !== undefined)
  }

  async restore(bucket: string, id: string): Promise<void> {
    await this.#ask('/v1/trash/restore', { bucket, id })
  }

  async empty(of: TrashStep): Promise<{ objects: number; bytes: number }> {
    const all = { objects: 0, bytes: 0 }
    let after: string | undefined
    do {
      const step = after === undefined ? of : { ...of, after }
      const { objects, bytes, next } = await this.#ask<EmptiedTrash>('/v1/trash/empty', step)
      all.objects += objects
      all.bytes += bytes
      after = next
    } while (after !== undefined)
    return all
  }

  async undo(request: UndoRequest): Promise<{ restored: number; removed: number }> {
    const all = { restored: 0, removed: 0 }
    let step = request
    for (;;) {
      const { restored, removed, begun, next } = await this.#ask<UndoAnswer>('/v1/undo', step)
      all.restored += restored
      all.removed += removed
      if (next === undefined) return all
      step = { ...request, begun, after: next }
    }
  }

  #ask<T>(path: string, document: object): Promise<T> {
    return askControl<T>(this.#socketPath, { method: 'POST', path, document, timeoutMs })
  }
}
