/**
 * Watches what volumes do wrong, in whichever thread, and decides which are to be held for failed.
 *
 * A write that fails is enough. Reads may fail for a sector, which is a matter of its extents alone: a volume whose
 * superblock cannot be read any more is failed, and so is one whose disk answers many reads with an error.
 */

import type { FaultReport } from './thread-messages.ts'
import type { VolumeList } from './volume-list.ts'

/** Reads that a disk may fail within the time: more is not a matter of single sectors. */
const readErrorCountMax = 16
const readErrorTimeMs = 10 * 60 * 1000

/** Between two looks at a volume because of failed reads, milliseconds. */
const verifyPauseMs = 1_000
/** Between looks at all volumes: one that is idle is missed, too. */
const verifyIntervalMs = 10_000

export class VolumeWatch {
  readonly #list: VolumeList
  readonly #onFailed: (volume: number, reason: string) => void
  readonly #now: () => number
  /** Times of failed reads that were the disk's, by volume. */
  readonly #readErrors = new Map<number, number[]>()
  readonly #verified = new Map<number, number>()
  #timer: NodeJS.Timeout | undefined
  #verifying: Promise<void> = Promise.resolve()

  constructor(
    list: VolumeList,
    onFailed: (volume: number, reason: string) => void,
    now: () => number = () => performance.now()
  ) {
    this.#list = list
    this.#onFailed = onFailed
    this.#now = now
  }

  start(): void {
    this.#timer = setInterval(() => {
      for (const { number } of this.#list.current) this.#verify(number)
    }, verifyIntervalMs)
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#verifying
  }

  /** A fault of the main thread's own volumes, or of another thread's. */
  report(fault: FaultReport): void {
    const { volume: number, kind, errno } = fault
    const { set } = this.#list
    if (kind === 'read') {
      if (errno === undefined) return
      if (this.#countReadError(number, errno) > readErrorCountMax) {
        const reason = `the disk failed ${readErrorCountMax} reads within minutes (${fault.reason})`
        set.learn({ kind: 'open', volume: number, reason })
      } else if (this.#now() - (this.#verified.get(number) ?? -Infinity) > verifyPauseMs) {
        this.#verify(number)
      }
    } else {
      set.learn(fault)
    }

    const volume = set.byNumber(number)
    if (volume?.condition !== 'failed' || this.#list.isFailed(number)) return
    const reason = volume.reason ?? fault.reason
    void this.#list.fail(number, reason)
    this.#onFailed(number, reason)
  }

  /** A segment that is not there is no error of the disk. */
  #countReadError(volume: number, errno: string): number {
    if (errno === 'ENOENT') return 0

    const now = this.#now()
    const errors = (this.#readErrors.get(volume) ?? []).filter(time => now - time < readErrorTimeMs)
    errors.push(now)
    this.#readErrors.set(volume, errors)
    return errors.length
  }

  /** What it finds comes back as a fault. */
  #verify(volume: number): void {
    this.#verified.set(volume, this.#now())
    this.#verifying = this.#verifying.then(() => this.#list.set.verify(volume))
  }
}
