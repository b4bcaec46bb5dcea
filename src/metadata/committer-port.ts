/**
 * The commit path across threads: requests and answers over a MessagePort, many in one message.
 *
 * What a thread asks for within one turn of its event loop travels together, and so do the answers of one group: a
 * message costs some 10 us whatever is in it. Bytes are copied out of their slabs first, because the
 * structured clone of a small Buffer would copy the whole slab that it lies in.
 */

import assert from 'node:assert/strict'
import type { MessagePort } from 'node:worker_threads'
import { R2dError, type ErrorCode } from '../errors.ts'
import { committerUnavailable, type Committer, type PendingExtent } from './committer.ts'
import type { MutationName, MutationParameters, MutationResult, NewExtent } from './mutations.ts'

interface Request {
  id: number
  name: MutationName
  parameters: unknown
  pending?: unknown
}

type Answer =
  | { id: number; kind: 'result'; result: unknown }
  | { id: number; kind: 'error'; code: ErrorCode; message: string; hint: string | undefined }
  | { id: number; kind: 'crash'; message: string }

interface Waiting {
  resolve: (result: unknown) => void
  reject: (error: Error) => void
}

/** The asking side. `connect` gives it a port, and another one after the committer was replaced. */
export class PortCommitter implements Committer {
  #port: MessagePort | undefined
  #outbox: Request[] = []
  #nextId = 1
  readonly #waiting = new Map<number, Waiting>()

  /** What was in flight on the port before fails: its outcome will not be heard. */
  connect(port: MessagePort): void {
    this.disconnect()
    this.#port = port
    port.on('message', (answers: Answer[]) => {
      for (const answer of answers) this.#settle(answer)
    })
  }

  disconnect(): void {
    this.#port?.close()
    this.#port = undefined
    this.#outbox = []
    const waiting = [...this.#waiting.values()]
    this.#waiting.clear()
    for (const { reject } of waiting) reject(committerUnavailable())
  }

  mutate<Name extends MutationName>(
    name: Name,
    parameters: MutationParameters<Name>
  ): Promise<MutationResult<Name>> {
    return this.#ask({ name, parameters: detach(parameters) }) as Promise<MutationResult<Name>>
  }

  mutateWithExtent<Name extends MutationName>(
    name: Name,
    parameters: MutationParameters<Name> & { extents: NewExtent[] },
    pending: PendingExtent
  ): Promise<MutationResult<Name>> {
    const request = { name, parameters: detach(parameters), pending: detach(pending) }
    return this.#ask(request) as Promise<MutationResult<Name>>
  }

  #ask(request: Omit<Request, 'id'>): Promise<unknown> {
    if (this.#port === undefined) return Promise.reject(committerUnavailable())

    const id = this.#nextId++
    if (this.#outbox.push({ id, ...request }) === 1)
      setImmediate(() => {
        this.#flush()
      })

    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
    })
  }

  #flush(): void {
    if (this.#outbox.length === 0) return

    this.#port?.postMessage(this.#outbox)
    this.#outbox = []
  }

  #settle(answer: Answer): void {
    const waiting = this.#waiting.get(answer.id)
    assert(waiting !== undefined, 'An answer to nothing that was asked')
    this.#waiting.delete(answer.id)

    switch (answer.kind) {
      case 'result':
        waiting.resolve(attach(answer.result))
        break
      case 'error': {
        const { code, message, hint } = answer
        waiting.reject(new R2dError(code, message, hint === undefined ? {} : { hint }))
        break
      }
      case 'crash':
        waiting.reject(committerUnavailable(new Error(answer.message)))
        break
    }
  }
}

/** The answering side, in the committer's thread. */
export function serveCommitter(port: MessagePort, committer: Committer): void {
  let outbox: Answer[] = []

  const send = (answer: Answer): void => {
    if (outbox.push(answer) > 1) return
    setImmediate(() => {
      port.postMessage(outbox)
      outbox = []
    })
  }

  const answer = async ({ id, name, parameters, pending }: Request): Promise<void> => {
    // The other side is this file: what it sent has the shape that `Committer` gave it.
    const attached = attach(parameters) as MutationParameters<MutationName>
    try {
      const outcome: Promise<unknown> =
        pending === undefined
          ? committer.mutate(name, attached)
          : committer.mutateWithExtent(name, attached, attach(pending) as PendingExtent)
      const result = await outcome
      send({ id, kind: 'result', result: detach(result) })
    } catch (error) {
      if (!(error instanceof R2dError)) {
        send({ id, kind: 'crash', message: String(error) })
        throw error
      }
      send({ id, kind: 'error', code: error.code, message: error.message, hint: error.hint })
    }
  }

  port.on('message', (requests: Request[]) => {
    // A bug in it is an unhandled rejection: it ends this thread, and is seen by the main one.
    for (const request of requests) void answer(request)
  })
}

/** A copy in which each run of bytes has an ArrayBuffer of exactly its size. */
function detach(value: unknown): unknown {
  if (value instanceof Uint8Array) return new Uint8Array(value)

  return mapMembers(value, detach)
}

/** The bytes as Buffers again; the structured clone leaves plain Uint8Arrays. */
function attach(value: unknown): unknown {
  if (value instanceof Uint8Array) {
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  }

  return mapMembers(value, attach)
}

function mapMembers(value: unknown, map: (member: unknown) => unknown): unknown {
  if (Array.isArray(value)) return value.map(map)
  if (typeof value !== 'object' || value === null) return value

  const copy: Record<string, unknown> = {}
  for (const [name, member] of Object.entries(value)) copy[name] = map(member)
  return copy
}
