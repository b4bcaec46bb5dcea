// A disk in memory that says what a power cut could leave of it.
//
// What is written is seen by every read at once, as from the page cache, and is durable once a sync that began after it has
// ended. A crash keeps, of what is not durable yet, any sectors of any writes, in no order; of new names in a directory that
// was not synced, any; a replaced file is the old one or the new one. (What POSIX leaves open, and what ext4 and XFS
// have been seen to do: Pillai et al., "All File Systems Are Not Created Equal", OSDI 2014.)

import assert from 'node:assert/strict'
import { dirname, basename } from 'node:path'
import type { DataFile, FileSystem } from '../../src/file.ts'
import type { Random } from './random.ts'

const sectorSize = 512

interface PendingWrite {
  position: number
  bytes: Buffer
}

interface SimulatedFile {
  /** As reads see it. */
  live: Buffer
  /** As a crash leaves it at least. */
  durable: Buffer
  /** Since the last sync that has ended, in order. */
  pending: PendingWrite[]
}

interface Name {
  file: SimulatedFile
  /** The directory was synced since it is there. */
  isDurable: boolean
}

/** What may fail, and where: an error to throw, or nothing. */
export type Fault = (
  operation: 'create' | 'write' | 'sync' | 'read',
  path: string
) => Error | undefined

export class SimulatedDisk implements FileSystem {
  readonly #random: Random
  readonly #names = new Map<string, Name>()
  /** Names that are gone from the directory, but not durably. */
  readonly #removed = new Map<string, SimulatedFile>()
  /** Called around every step that changes what a crash could leave. */
  onStep: () => void = () => undefined
  fault: Fault = () => undefined
  syncCount = 0

  constructor(random: Random) {
    this.#random = random
  }

  async create(path: string): Promise<DataFile> {
    await this.#delay()
    this.#fail('create', path)
    if (this.#names.has(path)) throw errno('EEXIST', path)
    const file: SimulatedFile = { live: Buffer.alloc(0), durable: Buffer.alloc(0), pending: [] }
    this.#names.set(path, { file, isDurable: false })
    this.onStep()
    return this.#open(path, file)
  }

  async createSynced(path: string): Promise<DataFile> {
    const file = await this.create(path)
    const write: DataFile['write'] = async (buffers, position) => {
      await file.write(buffers, position)
      await file.sync()
    }
    return { ...file, write }
  }

  async openRead(path: string): Promise<DataFile> {
    await this.#delay()
    this.#fail('read', path)
    return this.#open(path, this.#file(path))
  }

  async makeDirectory(): Promise<void> {
    await this.#delay()
  }

  async syncDirectory(path: string): Promise<void> {
    const durable = [...this.#names].filter(([name]) => dirname(name) === path)
    const gone = [...this.#removed.keys()].filter(name => dirname(name) === path)
    await this.#delay()
    this.#fail('sync', path)
    for (const [, name] of durable) name.isDurable = true
    for (const name of gone) this.#removed.delete(name)
    this.onStep()
  }

  async list(path: string): Promise<string[]> {
    await this.#delay()
    this.#fail('read', path)
    return [...this.#names.keys()].filter(name => dirname(name) === path).map(n => basename(n))
  }

  async readWhole(path: string): Promise<Buffer> {
    await this.#delay()
    this.#fail('read', path)
    return Buffer.from(this.#file(path).live)
  }

  async remove(path: string): Promise<void> {
    await this.#delay()
    this.#removed.set(path, this.#file(path))
    this.#names.delete(path)
    this.onStep()
    await this.#delay()
  }

  async replaceWhole(path: string, content: Uint8Array): Promise<void> {
    await this.#delay()
    this.#fail('write', path)
    const before = this.#names.get(path)?.file
    const bytes = Buffer.from(content)
    const file: SimulatedFile = { live: bytes, durable: bytes, pending: [] }
    // Until the directory is synced, a crash may find either.
    this.#names.set(path, { file, isDurable: false })
    if (before !== undefined) this.#removed.set(path, before)
    this.onStep()
    await this.#delay()
    const name = this.#names.get(path)
    if (name?.file === file) name.isDurable = true
    this.#removed.delete(path)
    this.onStep()
  }

  async space(): Promise<{ device: number; free: number; total: number }> {
    await this.#delay()
    return { device: 1, free: 1e12, total: 2e12 }
  }

  /** Bytes of all files, as reads see them. */
  get size(): number {
    return [...this.#names.values()].reduce((sum, { file }) => sum + file.live.length, 0)
  }

  get paths(): string[] {
    return [...this.#names.keys()]
  }

  /** Flips one bit, durably and unnoticed. */
  flip(path: string, offset: number, bit: number): void {
    const file = this.#file(path)
    for (const content of [file.live, file.durable]) {
      if (offset < content.length) content[offset] = (content[offset] ?? 0) ^ (1 << bit)
    }
  }

  /** The file ends early, durably. */
  cut(path: string, length: number): void {
    const file = this.#file(path)
    file.live = file.live.subarray(0, length)
    file.durable = file.durable.subarray(0, length)
  }

  /** The file is gone, durably; who has it open has it still. */
  lose(path: string): void {
    this.#names.delete(path)
  }

  lengthOf(path: string): number {
    return this.#file(path).live.length
  }

  /** One of the disks that a power cut now could leave: all of it durable, independent of this one. */
  crash(random: Random): SimulatedDisk {
    const left = new SimulatedDisk(random)
    const keep = (path: string, file: SimulatedFile): void => {
      const content = afterCrash(file, random)
      left.#names.set(path, {
        file: { live: content, durable: Buffer.from(content), pending: [] },
        isDurable: true
      })
    }
    // A name that was removed or replaced, but not durably, may still be the old one.
    for (const [path, file] of this.#removed) if (random.chance(0.5)) keep(path, file)
    for (const [path, { file, isDurable }] of this.#names) {
      if (isDurable || random.chance(0.5)) keep(path, file)
    }
    return left
  }

  #open(path: string, file: SimulatedFile): DataFile {
    return {
      read: async (into, position) => {
        await this.#delay()
        this.#fail('read', path)
        return file.live.copy(into, 0, Math.min(position, file.live.length))
      },
      write: async (buffers, position) => {
        // As the kernel takes it: when it gets to it, not when it was asked.
        await this.#delay()
        this.#fail('write', path)
        const bytes = Buffer.concat(buffers)
        file.live = overlay(file.live, { position, bytes })
        file.pending.push({ position, bytes })
        this.onStep()
        await this.#delay()
      },
      sync: async () => {
        const count = file.pending.length
        await this.#delay()
        this.#fail('sync', path)
        this.syncCount++
        for (const write of file.pending.splice(0, count)) {
          file.durable = overlay(file.durable, write)
        }
        this.onStep()
        await this.#delay()
      },
      size: () => Promise.resolve(file.live.length),
      close: () => Promise.resolve()
    }
  }

  #file(path: string): SimulatedFile {
    const name = this.#names.get(path)
    if (name === undefined) throw errno('ENOENT', path)
    return name.file
  }

  #fail(operation: Parameters<Fault>[0], path: string): void {
    const error = this.fault(operation, path)
    if (error !== undefined) throw error
  }

  /** Others get their turn, as many of them as chance has it. */
  async #delay(): Promise<void> {
    for (let turns = this.#random.below(4); turns > 0; turns--) {
      await new Promise(resolve => setImmediate(resolve))
    }
  }
}

export function errno(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${path}`), { code })
}

function overlay(content: Buffer, { position, bytes }: PendingWrite): Buffer {
  const size = Math.max(content.length, position + bytes.length)
  // New memory each time: an image may hold the old one.
  const result = Buffer.alloc(size)
  content.copy(result)
  bytes.copy(result, position)
  return result
}

function afterCrash({ durable, pending }: SimulatedFile, random: Random): Buffer {
  let content: Buffer = Buffer.from(durable)
  for (const write of pending) {
    for (const piece of survivors(write, random)) content = overlay(content, piece)
  }
  return content
}

/** What of a write is on the disk: none, all, its beginning, or any of its sectors. */
function survivors({ position, bytes }: PendingWrite, random: Random): PendingWrite[] {
  const end = position + bytes.length
  const sectors: PendingWrite[] = []
  for (let start = position; start < end;) {
    const stop = Math.min(end, (Math.floor(start / sectorSize) + 1) * sectorSize)
    sectors.push({ position: start, bytes: bytes.subarray(start - position, stop - position) })
    start = stop
  }
  assert(sectors.length > 0 || bytes.length === 0)

  switch (random.below(4)) {
    case 0:
      return []
    case 1:
      return [{ position, bytes }]
    case 2:
      return sectors.slice(0, random.below(sectors.length + 1))
    default: {
      // Any sectors, but not each by a copy of the whole file: what is next to each other is one piece.
      const share = random.below(100) / 100
      return join(sectors.filter(() => random.chance(share)))
    }
  }
}

function join(sectors: readonly PendingWrite[]): PendingWrite[] {
  const runs: { position: number; pieces: Buffer[]; end: number }[] = []
  for (const { position, bytes } of sectors) {
    const last = runs.at(-1)
    if (last?.end === position) {
      last.pieces.push(bytes)
      last.end += bytes.length
    } else runs.push({ position, pieces: [bytes], end: position + bytes.length })
  }
  return runs.map(({ position, pieces }) => ({ position, bytes: Buffer.concat(pieces) }))
}
