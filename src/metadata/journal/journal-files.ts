/**
 * The journal files that volumes have.
 */

import { join } from 'node:path'
import { errnoOf, type FileSystem } from '../../file.ts'
import { decodeJournalHeader, fileHeaderSize, type JournalHeader } from './file-header.ts'
import { journalFolder } from './journal-key.ts'

/** Where records are kept and looked for. */
export interface JournalVolume {
  number: number
  path: string
}

export interface JournalFile {
  volume: number
  path: string
  header: JournalHeader
  /** Bytes. */
  size: number
}

/** Something of the journal or of a snapshot that is not as it was written. */
export interface JournalFault {
  volume: number
  path: string
  reason: string
}

/** 12 hex digits: milliseconds since the epoch, counted up until it is free. */
export function journalFileName(number: number): string {
  return `${number.toString(16).padStart(12, '0')}.journal`
}

export async function listJournalFiles(
  volumes: readonly JournalVolume[],
  storeId: Buffer,
  files: FileSystem
): Promise<{ found: JournalFile[]; faults: JournalFault[] }> {
  const found: JournalFile[] = []
  const faults: JournalFault[] = []
  for (const { number, path } of volumes) {
    const folder = join(path, journalFolder)
    const report = (at: string, error: unknown): void => {
      const reason = error instanceof Error ? error.message : String(error)
      faults.push({ volume: number, path: at, reason })
    }
    for (const name of await listNames(folder, '.journal', files, report)) {
      const filePath = join(folder, name)
      try {
        const read = await readHeader(filePath, storeId, files)
        if (read !== undefined) found.push({ volume: number, path: filePath, ...read })
      } catch (error) {
        report(filePath, error)
      }
    }
  }
  return { found, faults }
}

/** In order; none of a folder that is not there. */
export async function listNames(
  folder: string,
  suffix: string,
  files: FileSystem,
  report: (path: string, error: unknown) => void
): Promise<string[]> {
  try {
    const names = await files.list(folder)
    return names.filter(name => name.endsWith(suffix)).sort()
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') report(folder, error)
    return []
  }
}

/** Undefined for a file whose making was cut short: nothing was ever appended to it. Throws for what is not one of ours. */
async function readHeader(
  path: string,
  storeId: Buffer,
  files: FileSystem
): Promise<{ header: JournalHeader; size: number } | undefined> {
  const file = await files.openRead(path)
  try {
    const bytes = Buffer.alloc(fileHeaderSize)
    const count = await file.read(bytes, 0)
    const { header, fault } = decodeJournalHeader(bytes.subarray(0, count))
    if (fault === 'torn') return undefined
    if (fault !== undefined) throw new Error(`its header is not readable: ${fault}`)
    if (!header.storeId.equals(storeId)) throw new Error('it belongs to another store')
    return { header, size: await file.size() }
  } finally {
    await file.close()
  }
}

/** Per term, the sequence of its first record: what earlier terms have from there on does not count. */
export class Terms {
  readonly #firsts: (readonly [term: number, first: number])[]

  constructor(files: readonly JournalFile[]) {
    const firsts = new Map<number, number>()
    for (const { header } of files) {
      const known = firsts.get(header.term) ?? header.termFirst
      firsts.set(header.term, Math.min(known, header.termFirst))
    }
    this.#firsts = [...firsts].sort(([a], [b]) => b - a)
  }

  /** Zero if there is none. */
  get newest(): number {
    return this.#firsts[0]?.[0] ?? 0
  }

  /** The term whose record of this sequence counts: the newest that had begun by then. */
  of(sequence: number): number | undefined {
    return this.#firsts.find(([, first]) => first <= sequence)?.[0]
  }

  /** The term that begins with exactly this sequence, and counts there. */
  beginningAt(sequence: number): number | undefined {
    const term = this.of(sequence)
    return this.#firsts.some(([each, first]) => each === term && first === sequence)
      ? term
      : undefined
  }
}

/** Whether nothing in the file is behind `sequence`, because another begins at or before the next one. */
export function isSuperfluous(
  { volume, header, path }: JournalFile,
  sequence: number,
  files: readonly JournalFile[]
): boolean {
  return files.some(
    other =>
      other.path !== path &&
      (other.header.term > header.term
        ? other.header.termFirst <= sequence + 1
        : other.volume === volume &&
          other.header.term === header.term &&
          other.header.first > header.first &&
          other.header.first <= sequence + 1)
  )
}
