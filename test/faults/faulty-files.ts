// A file system that fails as it is told to: over the real one, at the seam that volumes use.

import type { DataFile } from '../../src/file.ts'
import { injected, WrappedFiles } from './wrapped-files.ts'

export interface Faults {
  /** Paths that contain this fail to be created, written to or synced with this errno. */
  write?: { path: string; errno: string }
  sync?: { path: string; errno: string }
  read?: { path: string; errno: string }
  /** Paths that contain this cannot be opened. */
  open?: { path: string; errno: string }
  list?: { path: string; errno: string }
  /** Bytes that are free wherever it is asked. */
  free?: () => number
  /** Reads of paths that contain this have a bit flipped. */
  flip?: string
}

export class FaultyFiles extends WrappedFiles {
  faults: Faults = {}
  syncs = 0
  writes = 0

  protected override before(operation: 'create' | 'open', path: string): void {
    this.#fail(operation === 'create' ? this.faults.write : this.faults.open, path)
  }

  override async list(path: string): Promise<string[]> {
    this.#fail(this.faults.list, path)
    return await super.list(path)
  }

  override async space(path: string): Promise<{ device: number; free: number; total: number }> {
    const space = await super.space(path)
    return { ...space, free: this.faults.free?.() ?? space.free }
  }

  protected override wrap(path: string, file: DataFile): DataFile {
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

    throw injected(fault.errno)
  }
}
