// The real file system, with something in front of every file that is made or opened.

import { nodeFiles, type DataFile, type FileSystem } from '../../src/file.ts'

export abstract class WrappedFiles implements FileSystem {
  /** Before a file is made or opened; it is not if this fails. */
  protected abstract before(operation: 'create' | 'open', path: string): void | Promise<void>

  protected abstract wrap(path: string, file: DataFile): DataFile

  async create(path: string): Promise<DataFile> {
    await this.before('create', path)
    return this.wrap(path, await nodeFiles.create(path))
  }

  async createSynced(path: string): Promise<DataFile> {
    await this.before('create', path)
    return this.wrap(path, await nodeFiles.createSynced(path))
  }

  async openRead(path: string): Promise<DataFile> {
    await this.before('open', path)
    return this.wrap(path, await nodeFiles.openRead(path))
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
}

/** As the kernel's errors are told apart: by their code. */
export function injected(errno: string): Error {
  return Object.assign(new Error(`${errno}: injected`), { code: errno })
}
