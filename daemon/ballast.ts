/**
 * Ballast: a file on the metadata's disk that is there to be given up.
 *
 * Other programs may fill the disk, too, below the reserve that writes leave. When next to nothing is free, the ballast is
 * deleted: what it held is enough to open the engine, and to delete objects. It is made again once there is room for it
 * besides the reserve.
 */

import { closeSync, fsyncSync, openSync, readdirSync, rmSync, statSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { errnoOf } from '../src/file.ts'
import { readSpace } from '../src/metadata/metadata-space.ts'

const ballastName = 'ballast'
const sizeMax = 64 * 1024 * 1024
const piece = Buffer.alloc(1024 * 1024, 0xba)

/** Besides what is in the log, to open an engine. */
const openingMargin = 8 * 1024 * 1024

export class Ballast {
  readonly #directory: string
  readonly #reserve: number
  readonly #path: string

  /** `reserve`: bytes that writes leave free in the directory. */
  constructor(directory: string, reserve: number) {
    this.#directory = directory
    this.#reserve = reserve
    this.#path = join(directory, ballastName)
  }

  /** Bytes that it is to have. */
  get size(): number {
    return Math.min(sizeMax, Math.floor(this.#reserve / 2))
  }

  /** Gives it up if next to nothing is free, makes it if there is room. What it did, if anything. */
  tend(): 'made' | 'given up' | undefined {
    const { free } = readSpace(this.#directory)
    if (free < this.size / 2) return this.giveUp() ? 'given up' : undefined
    if (free < this.#reserve + 2 * this.size || this.#held() >= this.size) return undefined

    this.#make()
    return 'made'
  }

  /** False if there is none. */
  giveUp(): boolean {
    if (this.#held() === 0) return false

    rmSync(this.#path, { force: true })
    return true
  }

  /** Whether an engine can be opened: it writes what is in its log to files of another kind. */
  hasRoomToOpen(enginePath: string): boolean {
    return readSpace(this.#directory).free > logSize(enginePath) + openingMargin
  }

  #held(): number {
    try {
      return statSync(this.#path).size
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return 0
      throw error
    }
  }

  /** Written out, because a file with holes holds nothing. One that a kill cut short is too small, and made anew. */
  #make(): void {
    const file = openSync(this.#path, 'w', 0o600)
    try {
      for (let written = 0; written < this.size; written += piece.length) {
        writeSync(file, piece, 0, Math.min(piece.length, this.size - written))
      }
      fsyncSync(file)
    } catch (error) {
      rmSync(this.#path, { force: true })
      if (errnoOf(error) !== 'ENOSPC') throw error
    } finally {
      closeSync(file)
    }
  }
}

function logSize(enginePath: string): number {
  let size = 0
  for (const name of readdirSync(enginePath)) {
    if (name.endsWith('.log')) size += statSync(join(enginePath, name)).size
  }
  return size
}
