// A file system that fails as it is told to: over the real one, at the seam that volumes use.

import type { DataFile, FileSystem } from '../../src/file.ts'
import { nodeFiles } from '../../src/file.ts'

export interface Faults {
  /** Paths that contain this fail to be created, written to or synced with this errno. */
  write?: { path: string; errno: string }
  sync?: { path: string; errno: string }
  read?: { path: string; errno: string }
  /** Reads of paths that contain this have a bit flipped. */
  flip?: string
}

export class FaultyFiles implements FileSystem {
  faults: Faults = {}
  syncs = 0
  writes = 0

  async create(path: string): Promise<DataFile> {
    this.#fail(this.faults.write, path)
    return this.#wrap(path, await nodeFiles.create(path))
  }

  async createSynced(path: string): Promise<DataFile> {
    this.#fail(this.faults.write, path)
    return this.#wrap(path, await nodeFiles.createSynced(path))
  }

  async openRead(path: string): Promise<DataFile> {
    return this.#wrap(path, await nodeFiles.openRead(path))
  }

  makeDirectory(path: string): Promise<void> {
    return nodeFiles.makeDirectory(path)
  }

  syncDirectory(path: string): Promise<void> {
    return nodeFiles.syncDirectory(path)
  }

  list(path: string): Promise<string[]> {
    return nodeFiles.list(path)
  }

  remove(path: string): Promise<void> {
    return nodeFiles.remove(path)
  }

  readWhole(path: string): Promise<Buffer> {
    return nodeFiles.readWhole(path)
  }

  replaceWhole(path: string, content: Uint8Array): Promise<void> {
    return nodeFiles.replaceWhole(path, content)
  }

  space(path: string): Promise<{ device: number; free: number; total: number }> {
    return nodeFiles.space(path)
  }

  #wrap(path: string, file: DataFile): DataFile {
    return {
      read: async (into, position) => {
        this.#fail(this.faults.read, path)
        const count = await file.read(into, position)
        if (this.faults.flip !== undefined && path.includes(this.faults.flip)) {
          const middle = Math.floor(count / 2)
          into[middle] = (into[middle] ?? 0) ^ 1
        }
        return count
      },
      write: async (buffers, position) => {
        this.writes++
        this.#fail(this.faults.write, path)
        await file.write(buffers, position)
      },
      sync: async () => {
        this.syncs++
        this.#fail(this.faults.sync, path)
        await file.sync()
      },
      size: () => file.size(),
      close: () => file.close()
    }
  }

  #fail(fault: { path: string; errno: string } | undefined, path: string): void {
    if (fault === undefined || !path.includes(fault.path)) return

    throw Object.assign(new Error(`${fault.errno}: injected`), { code: fault.errno })
  }
}
