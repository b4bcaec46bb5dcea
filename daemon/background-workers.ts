/**
 * The background work of the daemon, in the main thread: one worker for each kind, started and stopped together.
 *
 * It reads the engine, and commits through a channel to the committer, as the gateways do.
 */

import {
  BackgroundWorker,
  type BackgroundOptions,
  type BackgroundWork
} from './background-worker.ts'

export class Maintenance {
  readonly #options: BackgroundOptions
  readonly #workers: BackgroundWorker[] = []

  constructor(options: BackgroundOptions) {
    this.#options = options
  }

  start(work: BackgroundWork): BackgroundWorker {
    const worker = new BackgroundWorker(work, this.#options)
    this.#workers.push(worker)
    return worker
  }

  /** The steps that are under way are done on return, and none follows. */
  async stop(): Promise<void> {
    await Promise.all(this.#workers.map(worker => worker.stop()))
  }
}
