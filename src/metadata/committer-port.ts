/**
 * The commit path across threads: requests and answers over a MessagePort, many in one message.
 *
 * What a thread asks for within one turn of its event loop travels together, and so do the answers of one group: a
 * message costs some 10 us whatever is in it. It is one run of bytes (`message-codec.ts`), whose memory changes hands.
 */

import assert from 'node:assert/strict'
import type { MessagePort } from 'node:worker_threads'
import { R2dError, type ErrorCode } from '../errors.ts'
import { decodeMessage, encodeMessage } from './message-codec.ts'
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
  /** Bytes of the last message: the next one is much like it. */
  #outboxSize = 0
  #nextId = 1
  readonly #waiting = new Map<number, Waiting>()

  /** What was in flight on the port before fails: its outcome will not be heard. */
  connect(port: MessagePort): void {
    this.disconnect()
    this.#port = port
    port.on('message', (message: Uint8Array) => {
      // What had arrived on a port before it was closed may still be handed out: its questions have failed already.
      if (port !== this.#port) return
      // The other side is this file: what it sent has the shape that it gave it.
      for (const answer of decodeMessage(message) as Answer[]) this.#settle(answer)
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
    return this.#ask({ name, parameters }) as Promise<MutationResult<Name>>
  }

  mutateWithExtent<Name extends MutationName>(
    name: Name,
    parameters: MutationParameters<Name> & { extents: NewExtent[] },
    pending: PendingExtent
  ): Promise<MutationResult<Name>> {
    return this.#ask({ name, parameters, pending }) as Promise<MutationResult<Name>>
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

    if (this.#port !== undefined)
      this.#outboxSize = post(this.#port, this.#outbox, this.#outboxSize)
    this.#outbox = []
  }

  #settle(answer: Answer): void {
    const waiting = this.#waiting.get(answer.id)
    assert(waiting !== undefined, 'An answer to nothing that was asked')
    this.#waiting.delete(answer.id)

    switch (answer.kind) {
      case 'result':
        waiting.resolve(answer.result)
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

/**
 * The answering side, in the committer's thread. `onEnd`: the other side is gone, and everything that it asked for has happened
 * or will not.
 */
export function serveCommitter(
  port: MessagePort,
  committer: Committer,
  onEnd: () => void = () => undefined
): void {
  let underWay = 0
  let isClosed = false
  let outbox: Answer[] = []
  let outboxSize = 0

  const send = (answer: Answer): void => {
    if (outbox.push(answer) > 1) return
    setImmediate(() => {
      outboxSize = post(port, outbox, outboxSize)
      outbox = []
    })
  }

  const answer = async ({ id, name, parameters, pending }: Request): Promise<void> => {
    // The other side is this file: what it sent has the shape that `Committer` gave it.
    const given = parameters as MutationParameters<MutationName>
    underWay++
    try {
      const outcome: Promise<unknown> =
        pending === undefined
          ? committer.mutate(name, given)
          : committer.mutateWithExtent(name, given, pending as PendingExtent)
      const result = await outcome
      send({ id, kind: 'result', result })
    } catch (error) {
      if (!(error instanceof R2dError)) {
        send({ id, kind: 'crash', message: String(error) })
        throw error
      }
      send({ id, kind: 'error', code: error.code, message: error.message, hint: error.hint })
    } finally {
      underWay--
      if (isClosed && underWay === 0) onEnd()
    }
  }

  port.on('message', (message: Uint8Array) => {
    // A bug in it is an unhandled rejection: it ends this thread, and is seen by the main one.
    for (const request of decodeMessage(message) as Request[]) void answer(request)
  })
  // It comes behind all messages that were sent before.
  port.on('close', () => {
    isClosed = true
    if (underWay === 0) onEnd()
  })
}

/** The size of what was posted. */
function post(port: MessagePort, content: unknown, sizeHint: number): number {
  const message = encodeMessage(content, sizeHint)
  port.postMessage(message, [message.buffer])
  return message.length
}
