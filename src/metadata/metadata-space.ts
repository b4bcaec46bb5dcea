/**
 * The space on the metadata's disk: what adds to the metadata is refused while less than a reserve is free.
 *
 * RocksDB and LevelDB that have once met a full disk take no write any more, whatever is freed, until they are opened
 * again. So they are not to meet one: below the reserve nothing is written but what frees space, and the
 * log and the compactions that this takes have the reserve to work with.
 */

import { statfsSync } from 'node:fs'
import { R2dError } from '../errors.ts'

/** How long a reading is used, milliseconds: in that time far less than a reserve is written. */
const ageMaxMs = 100

export interface Space {
  /** Bytes. */
  free: number
  total: number
}

export class MetadataSpace {
  readonly #path: string
  readonly #reserve: number
  readonly #read: (path: string) => Space
  readonly #now: () => number
  #last: Space = { free: Infinity, total: Infinity }
  #readAt = -Infinity
  #wasShort = false

  /** `reserve`: bytes that are to stay free. `now`: milliseconds, never backwards. */
  constructor(
    path: string,
    reserve: number,
    read: (path: string) => Space = readSpace,
    now: () => number = () => performance.now()
  ) {
    this.#path = path
    this.#reserve = reserve
    this.#read = read
    this.#now = now
  }

  get current(): Space {
    const now = this.#now()
    if (now - this.#readAt >= ageMaxMs) {
      this.#last = this.#read(this.#path)
      this.#readAt = now
    }
    return this.#last
  }

  /** From the reserve on until there is a quarter more, so that it does not go back and forth. */
  get isShort(): boolean {
    const { free } = this.current
    this.#wasShort = free < (this.#wasShort ? 1.25 * this.#reserve : this.#reserve)
    return this.#wasShort
  }

  /** R2D_STORE_FULL while the disk is short of space. */
  requireRoom(): void {
    if (!this.isShort) return

    throw new R2dError(
      'R2D_STORE_FULL',
      `The disk of the metadata has ${mebibytes(this.current.free)} MiB free, and ${mebibytes(this.#reserve)} are to stay so`,
      { hint: 'Delete objects, or free space on the disk of the metadata directory' }
    )
  }
}

export function readSpace(path: string): Space {
  const { bavail, blocks, bsize } = statfsSync(path)
  return { free: bavail * bsize, total: blocks * bsize }
}

function mebibytes(bytes: number): number {
  return Math.floor(bytes / (1024 * 1024))
}
