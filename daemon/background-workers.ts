/**
 * Workers of background work, one for each kind: started one by one, and stopped together.
 */

import {
  BackgroundWorker,
  type BackgroundOptions,
  type BackgroundWork
} from './background-worker.ts'

export class BackgroundWorkers {
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
