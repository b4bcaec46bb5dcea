// A disk of a few MiB: a tmpfs, which takes root to mount. Where that may not be done the test fails: it is not skipped.

import { execFile } from 'node:child_process'
import { closeSync, mkdirSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { ExecutionContext } from 'ava'
import { errnoOf } from '../../src/file.ts'

const run = promisify(execFile)
const MiB = 1024 * 1024

export class SmallDisk {
  readonly path: string
  readonly #filler: string

  private constructor(path: string) {
    this.path = path
    this.#filler = join(path, 'somebody-else')
  }

  static async mount(t: ExecutionContext, path: string, mebibytes: number): Promise<SmallDisk> {
    mkdirSync(path, { recursive: true })
    await run('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m,mode=700`, 'tmpfs', path])
    t.teardown(() => run('umount', ['--lazy', path]))
    return new SmallDisk(path)
  }

  /** Bytes. */
  get free(): number {
    const { bavail, bsize } = statfsSync(this.path)
    return bavail * bsize
  }

  /** Another program takes what is free, but for `left` bytes. */
  fill(left = 0): void {
    const file = openSync(this.#filler, 'a')
    try {
      for (;;) {
        const size = Math.min(MiB, this.free - left)
        if (size <= 0) return
        writeSync(file, Buffer.alloc(size))
      }
    } catch (error) {
      if (errnoOf(error) !== 'ENOSPC') throw error
    } finally {
      closeSync(file)
    }
  }

  /** It gives that back. */
  clear(): void {
    rmSync(this.#filler, { force: true })
  }
}
