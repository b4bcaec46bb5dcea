/**
 * Hashing of large bodies in threads of its own.
 *
 * MD5 alone runs at half the speed of everything else that a write costs, and no digest can be split: so each digest of a
 * body is a *lane*, a run of updates in order on one thread, and the lanes go to the threads that have least to do. Small bodies are
 * hashed where they are: a message to another thread costs more.
 *
 * A thread that ends takes its lanes with it: each of them rejects, the writes they belong to fail, and the next lane
 * gets a new thread.
 */

import assert from 'node:assert/strict'
import { Worker } from 'node:worker_threads'
import { R2dError } from '../errors.ts'
import { BodyHash, Lane } from './body-hash.ts'
import type { FromHasher, ToHasher } from './hasher-thread.ts'
import { SharedFrames } from './shared-frames.ts'
import type { DigestName } from './store.ts'

/** Plaintext that all bodies of a gateway's thread can hold: address space, not memory in use. */
const frameCountMax = 1024

interface Thread {
  worker: Worker
  lanes: Map<number, Lane>
  /** Of its lanes, by `costs`. */
  load: number
}

/** How long a digest takes, against the others. */
const costs: Record<DigestName, number> = {
  md5: 4,
  sha1: 2,
  sha256: 2,
  crc32: 1,
  crc32c: 3,
  crc64nvme: 3
}

export class Hashers {
  readonly #threadCountMax: number
  readonly #threads = new Set<Thread>()
  #frames: SharedFrames | undefined
  #laneCount = 0

  constructor(threadCountMax: number) {
    assert(threadCountMax > 0)
    this.#threadCountMax = threadCountMax
  }

  /** Where the bytes of bodies are put. */
  get frames(): SharedFrames {
    this.#frames ??= new SharedFrames(frameCountMax)
    return this.#frames
  }

  /** The threads that have been needed so far. */
  get workers(): Worker[] {
    return [...this.#threads].map(({ worker }) => worker)
  }

  open(names: readonly DigestName[]): BodyHash {
    const lanes = [...new Set(names)].map(name => this.#openLane(name))
    return new BodyHash(this.frames, lanes)
  }

  async close(): Promise<void> {
    await Promise.all(this.workers.map(worker => worker.terminate()))
  }

  #openLane(name: DigestName): Lane {
    const thread = this.#leastLoaded()
    const number = this.#laneCount++
    const load = costs[name]
    thread.load += load
    const post = (message: ToHasher): void => {
      thread.worker.postMessage(message)
    }
    const lane = new Lane(number, post, () => {
      thread.load -= load
      thread.lanes.delete(number)
      if (thread.lanes.size === 0) thread.worker.unref()
    })
    thread.lanes.set(number, lane)
    // A thread with nothing to do keeps no process alive; one that owes an answer does.
    thread.worker.ref()
    post({ kind: 'open', lane: number, names: [name] })
    return lane
  }

  #leastLoaded(): Thread {
    const [least] = [...this.#threads].sort((a, b) => a.load - b.load)
    if (least !== undefined && (least.load === 0 || this.#threads.size === this.#threadCountMax)) {
      return least
    }
    return this.#start()
  }

  #start(): Thread {
    const worker = new Worker(new URL('./hasher-thread.js', import.meta.url), {
      workerData: { memory: this.frames.memory },
      name: 'hasher',
      // It makes nothing but messages.
      resourceLimits: { maxYoungGenerationSizeMb: 1 }
    })
    const thread: Thread = { worker, lanes: new Map(), load: 0 }
    this.#threads.add(thread)
    worker.on('message', (message: FromHasher) => {
      thread.lanes.get(message.lane)?.take(message)
    })
    const fail = (cause: unknown): void => {
      this.#threads.delete(thread)
      // A failed assertion is a bug there as here: it is to stop the process, not to refuse a write.
      const isBug = cause instanceof Error && cause.name === 'AssertionError'
      const error = isBug
        ? new assert.AssertionError({ message: cause.message })
        : new R2dError('R2D_UNAVAILABLE', 'A hashing thread ended', { cause })
      for (const lane of [...thread.lanes.values()]) lane.fail(error)
    }
    worker.on('error', fail)
    worker.on('exit', code => {
      fail(new Error(`It ended with code ${code}`))
    })
    return thread
  }
}
