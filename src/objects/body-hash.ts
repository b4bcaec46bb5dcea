/**
 * The digests of one body, computed by hashing threads.
 *
 * Frames of plaintext that it is given are its own until every digest is through with them; then it gives them back to
 * the memory that they are of. A thread that fails is through with everything.
 */

import assert from 'node:assert/strict'
import type { Checksums } from '../metadata/object-record.ts'
import type { FromHasher, ToHasher } from './hasher-thread.ts'
import type { SharedFrames } from './shared-frames.ts'

/** Frames that go to the threads in one message: waking one costs as much as hashing some kilobytes. */
const batchCount = 8

export interface FilledFrame {
  frame: number
  /** Bytes in it. */
  size: number
}

/** One digest of one body, on the thread that computes it. */
export class Lane {
  /** Frames that the thread is through with. */
  hashedCount = 0
  digests: Checksums | undefined
  error: Error | undefined
  /** Called when one of these has changed. */
  onChange: () => void = () => undefined
  readonly #number: number
  readonly #post: (message: ToHasher) => void
  readonly #onEnd: () => void
  #hasEnded = false

  constructor(number: number, post: (message: ToHasher) => void, onEnd: () => void) {
    this.#number = number
    this.#post = post
    this.#onEnd = onEnd
  }

  update(frames: readonly FilledFrame[]): void {
    if (!this.#hasEnded) this.#post({ kind: 'update', lane: this.#number, frames })
  }

  finish(): void {
    if (!this.#hasEnded) this.#post({ kind: 'finish', lane: this.#number })
  }

  take(message: FromHasher): void {
    if (message.kind === 'hashed') this.hashedCount += message.frameCount
    else {
      // A Buffer arrives as a plain array of bytes.
      const digests = Object.entries(message.digests).map(([name, value]) => [
        name,
        Buffer.from(value)
      ])
      this.digests = Object.fromEntries(digests) as Checksums
      this.#end()
    }
    this.onChange()
  }

  fail(error: Error): void {
    this.error ??= error
    this.hashedCount = Infinity
    this.#end()
    this.onChange()
  }

  /** The digest is not wanted any more. */
  drop(): void {
    if (this.#hasEnded) return
    this.#post({ kind: 'drop', lane: this.#number })
    this.#end()
  }

  #end(): void {
    if (this.#hasEnded) return
    this.#hasEnded = true
    this.#onEnd()
  }
}

export class BodyHash {
  readonly #memory: SharedFrames
  readonly #lanes: readonly Lane[]
  /** With the lanes, in order. */
  readonly #sent: FilledFrame[] = []
  /** For the lanes, when there are enough of them for a message. */
  #waiting: FilledFrame[] = []
  /** Frames that have been given back. */
  #doneCount = 0
  #change = Promise.withResolvers<undefined>()

  constructor(memory: SharedFrames, lanes: readonly Lane[]) {
    assert(lanes.length > 0)
    this.#memory = memory
    this.#lanes = lanes
    for (const lane of lanes) {
      lane.onChange = () => {
        this.#settle()
      }
    }
  }

  /** Frames that are not given back yet. */
  get heldCount(): number {
    return this.#sent.length + this.#waiting.length
  }

  update(filled: FilledFrame): void {
    this.#waiting.push(filled)
    if (this.#waiting.length >= batchCount) this.#send()
  }

  /** Resolves once at most `count` frames are held. Rejects if a thread has failed. */
  async heldAtMost(count: number): Promise<void> {
    if (this.heldCount > count) this.#send()
    this.#requireThreads()
    while (this.heldCount > count) {
      await this.#change.promise
      this.#requireThreads()
    }
  }

  /** After the last update. Rejects if a thread has failed. */
  async finish(): Promise<Checksums> {
    await this.heldAtMost(0)
    for (const lane of this.#lanes) lane.finish()
    for (;;) {
      this.#requireThreads()
      const found = this.#lanes.map(({ digests }) => digests)
      if (!found.includes(undefined)) return Object.assign({}, ...found) as Checksums
      await this.#change.promise
    }
  }

  /** However the body ends. Every frame is given back on return. */
  async close(): Promise<void> {
    for (const { frame } of this.#waiting.splice(0)) this.#memory.give(frame)
    while (this.#sent.length > 0) await this.#change.promise
    for (const lane of this.#lanes) lane.drop()
  }

  #send(): void {
    if (this.#waiting.length === 0) return
    const frames = this.#waiting
    this.#waiting = []
    this.#sent.push(...frames)
    for (const lane of this.#lanes) lane.update(frames)
    // Threads that are gone are through with it already.
    this.#giveBack()
  }

  #settle(): void {
    this.#giveBack()
    this.#change.resolve(undefined)
    this.#change = Promise.withResolvers()
  }

  #giveBack(): void {
    const hashedCount = Math.min(...this.#lanes.map(lane => lane.hashedCount))
    const count = Math.min(this.#sent.length, hashedCount - this.#doneCount)
    for (const { frame } of this.#sent.splice(0, count)) this.#memory.give(frame)
    this.#doneCount += count
  }

  #requireThreads(): void {
    for (const { error } of this.#lanes) if (error !== undefined) throw error
  }
}
