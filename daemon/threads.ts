/**
 * The daemon's threads: one committer, N gateways, and what happens when one of them dies.
 *
 * A thread that ends without being told to is replaced. A new committer gets a new channel to every gateway, whose
 * requests in flight fail; a new gateway gets a channel to the committer and listens where the old one did. A failed
 * assertion is a bug that more work may spread: it stops the process.
 */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { MessageChannel, Worker } from 'node:worker_threads'
import { PortCommitter } from '../src/metadata/committer-port.ts'
import type { VolumeDescription } from '../src/storage/volume-set.ts'
import type { SegmentEvents, SegmentPlace } from '../src/storage/sealed-segments.ts'
import { sumCounters, zeroCounters, type Counters } from './counters.ts'
import type {
  FaultReport,
  FromWorker,
  GatewaySettings,
  SharedParts,
  ToWorker
} from './thread-messages.ts'

/**
 * Of a gateway's heap, MiB. What passes through it is mostly memory outside of it, the pieces of bodies, which is freed when
 * the small objects that hold it are: so often, while there are few of them.
 */
const youngGenerationSize = 16

/** How long a replaced thread waits to start, so that one that cannot start does not spin. */
const restartDelayMs = 200

export interface ThreadEvents {
  onFault: (fault: FaultReport) => void
  onLog: (
    level: 'info' | 'warn' | 'error',
    message: string,
    fields: Record<string, unknown>
  ) => void
  /** A writer of a thread has begun or left a segment; `owner` is another for each thread that ever was. */
  onSegment: (owner: number, event: keyof SegmentEvents, place: SegmentPlace) => void
  /** A thread has ended, and its writers with it. */
  onOwnerEnd: (owner: number) => void
  /** The gateway thread of this place has ended; once `isSettled`, nothing happens any more that it asked for. */
  onGatewayEnd: (thread: number, isSettled: Promise<void>) => void
  /** The metadata engine met a full disk, and is to be opened again. */
  onStuck: (reason: string) => void
  /** A bug: the process is to stop. */
  onFatal: (error: Error) => void
}

interface GatewaySlot {
  settings: GatewaySettings
  worker: Worker
  /** To the committer. */
  connection: number
  counters: Counters
  /** Of the threads that had this place before. */
  past: Counters
}

export class Threads {
  #parts: SharedParts
  readonly #events: ThreadEvents
  #committer: Worker
  /** The commit path of the main thread's own work. */
  readonly committer = new PortCommitter()
  readonly #gateways: GatewaySlot[] = []
  /** To the committer that is there now, by number: resolved when nothing happens any more of what was asked over it. */
  readonly #connections = new Map<number, PromiseWithResolvers<void>>()
  #connectionCount = 0
  #isStopping = false
  #restartCount = 0
  #volumesId = 0
  /** Answers that `setVolumes` waits for, by its id and the thread. */
  readonly #volumesAnswers = new Map<number, Map<Worker, () => void>>()

  private constructor(parts: SharedParts, events: ThreadEvents, committer: Worker) {
    this.#parts = parts
    this.#events = events
    this.#committer = committer
  }

  /** The settings of each gateway; the first decides the port if it was left open. */
  static async start(
    parts: SharedParts,
    settings: readonly GatewaySettings[],
    events: ThreadEvents
  ): Promise<Threads> {
    const committer = spawn('committer-thread', parts)
    await ready(committer)
    const threads = new Threads(parts, events, committer)
    threads.#watchCommitter()
    threads.#connectOwn()

    let port = 0
    for (const each of settings) {
      port = await threads.#addGateway({ ...each, port: each.port === 0 ? port : each.port })
    }
    return threads
  }

  get port(): number {
    const [first] = this.#gateways
    assert(first !== undefined)
    return first.settings.port
  }

  /** The committer's thread first. */
  get workers(): Worker[] {
    return [this.#committer, ...this.#gateways.map(({ worker }) => worker)]
  }

  get restartCount(): number {
    return this.#restartCount
  }

  get socketPaths(): string[] {
    return this.#gateways.map(({ settings }) => settings.socketPath)
  }

  get counters(): Counters {
    return this.#gateways
      .flatMap(({ counters, past }) => [counters, past])
      .reduce(sumCounters, zeroCounters())
  }

  /** On return every thread uses these volumes and no others, and so does each that is started later. */
  async setVolumes(volumes: VolumeDescription[]): Promise<void> {
    this.#parts = { ...this.#parts, volumes }
    const id = ++this.#volumesId
    const answers = new Map<Worker, () => void>()
    this.#volumesAnswers.set(id, answers)
    const asked = this.workers.map(worker => {
      // One that has died is replaced by one that has the new list from the start.
      if (worker.threadId === -1) return Promise.resolve()
      post(worker, { kind: 'volumes', id, volumes })
      return new Promise<void>(resolve => answers.set(worker, resolve))
    })
    await Promise.all(asked)
    this.#volumesAnswers.delete(id)
  }

  /** Gateways first, so that what they still wait for is committed; then the committer. */
  async stop(timeoutMs: number): Promise<void> {
    this.#isStopping = true
    await Promise.all(this.#gateways.map(({ worker }) => end(worker, timeoutMs)))
    await end(this.#committer, timeoutMs)
    this.committer.disconnect()
  }

  /** Readers close this segment's file. */
  retire(place: SegmentPlace): void {
    for (const { worker } of this.#gateways) post(worker, { kind: 'retire', place })
  }

  /** Whoever appends to the segment leaves it, if it has been idle for so long. */
  leaveIdle(place: SegmentPlace, idleMs: number): void {
    for (const worker of this.workers) post(worker, { kind: 'leave-idle', place, idleMs })
  }

  async #addGateway(settings: GatewaySettings): Promise<number> {
    const worker = spawn('gateway-thread', { parts: this.#parts, settings })
    const port = await ready(worker)
    const slot = {
      settings: { ...settings, port },
      worker,
      connection: 0,
      counters: zeroCounters(),
      past: zeroCounters()
    }
    this.#gateways.push(slot)
    this.#watchGateway(slot)
    this.#connect(slot)
    return port
  }

  #connect(slot: GatewaySlot): void {
    const { port1, port2 } = new MessageChannel()
    const connection = ++this.#connectionCount
    slot.connection = connection
    this.#connections.set(connection, Promise.withResolvers<void>())
    post(slot.worker, { kind: 'committer', port: port1, connection }, port1)
    post(this.#committer, { kind: 'committer', port: port2, connection }, port2)
  }

  #connectOwn(): void {
    const { port1, port2 } = new MessageChannel()
    this.committer.connect(port1)
    const connection = ++this.#connectionCount
    post(this.#committer, { kind: 'committer', port: port2, connection }, port2)
  }

  #watchGateway(slot: GatewaySlot): void {
    this.#watch(slot.worker, 'gateway', async () => {
      slot.past = sumCounters(slot.past, { ...slot.counters, active: 0 })
      slot.counters = zeroCounters()
      slot.worker = spawn('gateway-thread', { parts: this.#parts, settings: slot.settings })
      this.#watchGateway(slot)
      await ready(slot.worker)
      this.#connect(slot)
    })
    slot.worker.on('message', (message: FromWorker) => {
      if (message.kind === 'counters') slot.counters = message.counters
    })
    slot.worker.on('exit', () => {
      const isSettled = this.#connections.get(slot.connection)?.promise ?? Promise.resolve()
      this.#events.onGatewayEnd(slot.settings.thread, isSettled)
    })
  }

  #watchCommitter(): void {
    this.#watch(this.#committer, 'committer', async () => {
      this.#committer = spawn('committer-thread', this.#parts)
      this.#watchCommitter()
      await ready(this.#committer)
      this.#connectOwn()
      for (const slot of this.#gateways) this.#connect(slot)
    })
    this.#committer.on('message', (message: FromWorker) => {
      if (message.kind === 'disconnected') this.#endConnection(message.connection)
    })
    this.#committer.on('exit', () => {
      for (const connection of this.#connections.keys()) this.#endConnection(connection)
    })
  }

  #endConnection(connection: number): void {
    this.#connections.get(connection)?.resolve()
    this.#connections.delete(connection)
  }

  #watch(worker: Worker, name: string, replace: () => Promise<void>): void {
    const { onFault, onLog, onFatal, onStuck, onSegment, onOwnerEnd } = this.#events
    const owner = worker.threadId
    worker.on('message', (message: FromWorker) => {
      if (message.kind === 'fault') onFault(message.fault)
      if (message.kind === 'segment') onSegment(owner, message.event, message.place)
      if (message.kind === 'log') onLog(message.level, message.message, message.fields)
      if (message.kind === 'stuck') onStuck(message.reason)
      if (message.kind === 'volumes') this.#volumesAnswers.get(message.id)?.get(worker)?.()
    })
    worker.on('error', (error: Error) => {
      onLog('error', `The ${name} thread failed`, { error: error.stack ?? String(error) })
      if (error.name === 'AssertionError') onFatal(error)
    })
    worker.on('exit', code => {
      for (const answers of this.#volumesAnswers.values()) answers.get(worker)?.()
      onOwnerEnd(owner)
      if (this.#isStopping) return

      this.#restartCount++
      onLog('error', `The ${name} thread ended and is being replaced`, { code })
      setTimeout(() => {
        if (this.#isStopping) return
        replace().catch((error: unknown) => {
          // Its own end brings the next attempt.
          onLog('error', `The ${name} thread could not be replaced`, { error: String(error) })
        })
      }, restartDelayMs)
    })
  }
}

function spawn(name: 'committer-thread' | 'gateway-thread', data: unknown): Worker {
  return new Worker(new URL(`./${name}.js`, import.meta.url), {
    workerData: data,
    name,
    resourceLimits: { maxYoungGenerationSizeMb: youngGenerationSize }
  })
}

function post(worker: Worker, message: ToWorker, port?: MessageChannel['port1']): void {
  worker.postMessage(message, port === undefined ? [] : [port])
}

/** Resolves with the port when the thread works; rejects if it ends before. */
function ready(worker: Worker): Promise<number> {
  return new Promise((resolve, reject) => {
    worker.on('message', (message: FromWorker) => {
      if (message.kind === 'ready') resolve(message.port)
    })
    worker.once('error', reject)
    worker.once('exit', code => {
      reject(new Error(`The thread ended with code ${code} before it was ready`))
    })
  })
}

async function end(worker: Worker, timeoutMs: number): Promise<void> {
  // A thread that has just died has no id any more, and no exit to come.
  if (worker.threadId === -1) return

  const ended = once(worker, 'exit')
  post(worker, { kind: 'stop', timeoutMs })
  await ended
}
