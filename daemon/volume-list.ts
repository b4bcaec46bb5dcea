/**
 * The volumes of the store as every thread is to see them: what their rows say, and which of them the main thread holds for
 * failed. Each change is told to all threads, in the order in which it was made.
 */

import type { VolumeDescription, VolumeSet } from '../src/storage/volume-set.ts'

export interface VolumeListOptions {
  set: VolumeSet
  list: VolumeDescription[]
  /** As their rows say now. */
  read: () => Promise<VolumeDescription[]>
}

export class VolumeList {
  /** The main thread's own. */
  readonly set: VolumeSet
  readonly #read: VolumeListOptions['read']
  #rows: VolumeDescription[]
  /** Why each is held for failed. */
  readonly #failures = new Map<number, string>()
  /** Tells the other threads; resolves when none of them uses another list. */
  #tell: (list: VolumeDescription[]) => Promise<void> = () => Promise.resolve()
  /** One change after the other. */
  #last: Promise<unknown> = Promise.resolve()

  constructor({ set, list, read }: VolumeListOptions) {
    this.set = set
    this.#read = read
    this.#rows = list
    for (const { number, condition, reason = '' } of set.all()) {
      if (condition === 'failed') this.#failures.set(number, reason)
    }
  }

  get current(): VolumeDescription[] {
    return this.#rows.map(row => ({ ...row, failure: this.#failures.get(row.number) }))
  }

  isFailed(number: number): boolean {
    return this.#failures.has(number)
  }

  /** The other threads have been started, with the list as it was then. */
  serve(tell: (list: VolumeDescription[]) => Promise<void>): Promise<void> {
    this.#tell = tell
    return this.#publish()
  }

  /** After a commit that changed rows: on return every thread sees what they say. */
  reload(): Promise<void> {
    return this.#publish(async () => {
      this.#rows = await this.#read()
    })
  }

  /** Nothing more is written to it, and it is read last, in every thread. */
  fail(number: number, reason: string): Promise<void> {
    this.#failures.set(number, reason)
    return this.#publish()
  }

  /** Every thread opens it again. */
  revive(number: number): Promise<void> {
    this.#failures.delete(number)
    return this.#publish()
  }

  #publish(change: () => Promise<void> = () => Promise.resolve()): Promise<void> {
    const publication = this.#last.then(async () => {
      await change()
      const list = this.current
      await this.set.update(list)
      await this.#tell(list)
    })
    this.#last = publication.catch(() => undefined)
    return publication
  }
}
