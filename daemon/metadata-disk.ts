/**
 * Looks after the disk of the metadata: tends the ballast, and says when space runs short and when there is some again.
 */

import { dirname } from 'node:path'
import type { Logger } from 'pino'
import { MetadataSpace, type Space } from '../src/metadata/metadata-space.ts'
import { Ballast } from './ballast.ts'

const intervalMs = 500

export interface MetadataDiskOptions {
  /** Of the engine. */
  path: string
  /** Bytes that writes leave free. */
  reserve: number
  log: Logger
}

export class MetadataDisk {
  readonly #options: MetadataDiskOptions
  readonly #space: MetadataSpace
  readonly #ballast: Ballast
  #wasShort = false
  #timer: NodeJS.Timeout | undefined

  constructor(options: MetadataDiskOptions) {
    const { path, reserve } = options
    this.#options = options
    this.#space = new MetadataSpace(path, reserve)
    this.#ballast = new Ballast(dirname(path), reserve)
  }

  get space(): Space & { isShort: boolean } {
    const { current, isShort } = this.#space
    return { ...current, isShort }
  }

  readonly requireRoom = (): void => {
    this.#space.requireRoom()
  }

  start(): void {
    this.#tend()
    this.#timer = setInterval(() => {
      this.#tend()
    }, intervalMs)
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  /** Gives up the ballast if that is what it takes. Whether the engine can be opened now. */
  makeRoomToOpen(): boolean {
    const { path, log } = this.#options
    if (this.#ballast.hasRoomToOpen(path)) return true

    if (this.#ballast.giveUp()) log.error('the ballast was given up, to open the metadata')
    return this.#ballast.hasRoomToOpen(path)
  }

  #tend(): void {
    const { log } = this.#options
    try {
      if (this.#ballast.tend() === 'given up') {
        log.error('next to nothing is free on the disk of the metadata: the ballast was given up')
      }
      const { isShort, free } = this.space
      if (isShort && !this.#wasShort) {
        log.error({ free }, 'the disk of the metadata is short of space: writes are refused')
      }
      if (!isShort && this.#wasShort) log.info({ free }, 'the disk of the metadata has space again')
      this.#wasShort = isShort
    } catch (error) {
      log.error({ error: String(error) }, 'the disk of the metadata cannot be looked at')
    }
  }
}
