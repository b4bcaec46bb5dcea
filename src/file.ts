/**
 * Data files: the seam between the store and the disk.
 *
 * Everything that volumes write and read goes through a `FileSystem`, so that tests can put one in its place that
 * fails as disks do. The real one is thin: callback functions of node:fs over descriptors cost the least per call.
 */

import fs from 'node:fs'
import { mkdir, open, readdir, readFile, rename, stat, statfs, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'

export interface DataFile {
  /** Fills `into` from `position`; resolves with the bytes read, fewer only at the end of the file. */
  read(into: Uint8Array, position: number): Promise<number>
  /** Writes all of the buffers, one behind the other, from `position`. */
  write(buffers: readonly Uint8Array[], position: number): Promise<void>
  /** fdatasync: what was written, and the size that reaches it, is durable on return. */
  sync(): Promise<void>
  /** Bytes up to its end. */
  size(): Promise<number>
  close(): Promise<void>
}

export interface FileSystem {
  /** Makes a new file; rejects with EEXIST if there is one. Its name is durable after `syncDirectory`. */
  create(path: string): Promise<DataFile>
  /** The same, and each write to it is durable when it resolves (O_DSYNC): one call where two would wait on each other. */
  createSynced(path: string): Promise<DataFile>
  openRead(path: string): Promise<DataFile>
  makeDirectory(path: string): Promise<void>
  syncDirectory(path: string): Promise<void>
  list(path: string): Promise<string[]>
  /** Takes the name of a file away: its space comes back once nobody has it open. ENOENT if it is gone. */
  remove(path: string): Promise<void>
  readWhole(path: string): Promise<Buffer>
  /** All or nothing, durable on return: written beside, synced, renamed over. */
  replaceWhole(path: string, content: Uint8Array): Promise<void>
  /** The device that the path is on, and its bytes. */
  space(path: string): Promise<{ device: number; free: number; total: number }>
}

class NodeFile implements DataFile {
  readonly #descriptor: number

  constructor(descriptor: number) {
    this.#descriptor = descriptor
  }

  read(into: Uint8Array, position: number): Promise<number> {
    return new Promise((resolve, reject) => {
      const step = (done: number): void => {
        const left = into.length - done
        fs.read(this.#descriptor, into, done, left, position + done, (error, count) => {
          if (error) reject(error)
          else if (count === 0 || count === left) resolve(done + count)
          else step(done + count)
        })
      }
      step(0)
    })
  }

  write(buffers: readonly Uint8Array[], position: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const step = (rest: readonly Uint8Array[], offset: number): void => {
        const batch = rest.slice(0, vectorCountMax)
        fs.writev(this.#descriptor, batch, offset, (error, count) => {
          if (error) {
            reject(error)
            return
          }
          const left = dropBytes(rest, count)
          if (left.length === 0) resolve()
          else step(left, offset + count)
        })
      }
      step(buffers, position)
    })
  }

  sync(): Promise<void> {
    return new Promise((resolve, reject) => {
      fs.fdatasync(this.#descriptor, error => {
        if (error) reject(error)
        else resolve()
      })
    })
  }

  size(): Promise<number> {
    return new Promise((resolve, reject) => {
      fs.fstat(this.#descriptor, (error, stats) => {
        if (error) reject(error)
        else resolve(stats.size)
      })
    })
  }

  close(): Promise<void> {
    return new Promise((resolve, reject) => {
      fs.close(this.#descriptor, error => {
        if (error) reject(error)
        else resolve()
      })
    })
  }
}

/** IOV_MAX on Linux and macOS: buffers that one writev takes. */
const vectorCountMax = 1024

function dropBytes(buffers: readonly Uint8Array[], count: number): readonly Uint8Array[] {
  let left = count
  for (const [index, buffer] of buffers.entries()) {
    if (left < buffer.length) return [buffer.subarray(left), ...buffers.slice(index + 1)]
    left -= buffer.length
  }
  return []
}

function openFile(path: string, flags: number): Promise<DataFile> {
  return new Promise((resolve, reject) => {
    fs.open(path, flags, 0o600, (error, descriptor) => {
      if (error) reject(error)
      else resolve(new NodeFile(descriptor))
    })
  })
}

const { O_CREAT, O_DSYNC, O_EXCL, O_RDONLY, O_WRONLY } = fs.constants

export const nodeFiles: FileSystem = {
  create: path => openFile(path, O_WRONLY | O_CREAT | O_EXCL),
  createSynced: path => openFile(path, O_WRONLY | O_CREAT | O_EXCL | O_DSYNC),
  openRead: path => openFile(path, O_RDONLY),

  async makeDirectory(path) {
    await mkdir(path, { recursive: true, mode: 0o700 })
  },

  async syncDirectory(path) {
    const directory = await open(path, 'r')
    try {
      await directory.sync()
    } finally {
      await directory.close()
    }
  },

  list: path => readdir(path),
  remove: path => unlink(path),
  readWhole: path => readFile(path),

  async replaceWhole(path, content) {
    const beside = `${path}.new`
    const file = await open(beside, 'w', 0o600)
    try {
      await file.writeFile(content)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(beside, path)
    await nodeFiles.syncDirectory(dirname(path))
  },

  async space(path) {
    const [{ dev }, { bavail, blocks, bsize }] = await Promise.all([stat(path), statfs(path)])
    return { device: dev, free: bavail * bsize, total: blocks * bsize }
  }
}

/** The errno name of a failed call, such as `ENOSPC`. */
export function errnoOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined

  return typeof error.code === 'string' ? error.code : undefined
}
