/**
 * The line of commits that the journal files of all volumes have between them.
 *
 * Of each sequence one record counts: that of the newest term that had begun by then. Any copy of it will do, so that damage on
 * one volume is made good by another. A record that begins a term repeats what the commit before it wrote, because that one
 * may be in the engine alone: the line goes over such a gap of one.
 *
 *     term 4   41  42  43  44 (44: written late, or for a commit that failed)
 *     term 5               44' 45'
 *     counts   41  42  43  44' 45'
 *
 * It ends where no volume has the next record; if one has a later record that counts, there is a gap, and something is lost.
 */

import { fileHeaderSize } from './file-header.ts'
import { isSuperfluous, Terms, type JournalFault, type JournalFile } from './journal-files.ts'
import type { JournalKey } from './journal-key.ts'
import { RecordScan, type ScannedRecord } from './record-scan.ts'
import { openSealedRecord } from './sealed-record.ts'
import { decodeRows, type Row } from './batch-codec.ts'
import type { DataFile, FileSystem } from '../../file.ts'

export interface LineRecord {
  term: number
  sequence: number
  kind: 'commit' | 'begin'
  rows: Row[]
  /** On how many volumes it is whole. */
  copies: number
}

export interface LineOptions {
  files: FileSystem
  storeId: Buffer
  keys: readonly JournalKey[]
  onFault: (fault: JournalFault) => void
}

export class JournalLine {
  readonly #journal: readonly JournalFile[]
  readonly #options: LineOptions
  readonly terms: Terms
  /** Once the line has been read to its end: the sequence of a record behind it that counts. */
  gapBefore: number | undefined

  constructor(journal: readonly JournalFile[], options: LineOptions) {
    this.#journal = journal
    this.#options = options
    this.terms = new Terms(journal)
  }

  /** The records behind `sequence`, in order. */
  async *after(sequence: number): AsyncGenerator<LineRecord, void> {
    const cursors = this.#cursors(sequence)
    try {
      let next = sequence + 1
      for (;;) {
        const record =
          (await this.#find(cursors, this.terms.of(next), next)) ??
          (await this.#find(cursors, this.terms.beginningAt(next + 1), next + 1, 'begin'))
        if (record === undefined) break
        yield record
        next = record.sequence + 1
      }
      this.gapBefore = await this.#firstBehind(cursors, next)
    } finally {
      for (const cursor of cursors) await cursor.close()
    }
  }

  #cursors(sequence: number): VolumeCursor[] {
    const byVolume = new Map<number, JournalFile[]>()
    for (const file of this.#journal) {
      if (isSuperfluous(file, sequence, this.#journal)) continue
      const list = byVolume.get(file.volume) ?? []
      list.push(file)
      byVolume.set(file.volume, list)
    }
    return [...byVolume.values()].map(list => new VolumeCursor(list, this.#options))
  }

  async #find(
    cursors: readonly VolumeCursor[],
    term: number | undefined,
    sequence: number,
    only?: 'begin'
  ): Promise<LineRecord | undefined> {
    if (term === undefined) return undefined

    let found: LineRecord | undefined
    for (const cursor of cursors) {
      const record = await cursor.advanceTo(term, sequence)
      if (record?.term !== term || record.sequence !== sequence) continue
      if (only !== undefined && record.kind !== only) continue
      if (found === undefined) found = { ...record, copies: 1 }
      else found.copies++
    }
    return found
  }

  /** The least sequence of a record that counts and is not before `sequence`. */
  async #firstBehind(
    cursors: readonly VolumeCursor[],
    sequence: number
  ): Promise<number | undefined> {
    let least: number | undefined
    for (const cursor of cursors) {
      for (;;) {
        const record = await cursor.current()
        if (record === undefined) break
        const counts = record.sequence >= sequence && this.terms.of(record.sequence) === record.term
        if (counts) {
          least = Math.min(least ?? record.sequence, record.sequence)
          break
        }
        cursor.pass()
      }
    }
    return least
  }
}

interface OpenedRecord {
  term: number
  sequence: number
  kind: 'commit' | 'begin'
  rows: Row[]
}

/** The authentic records of one volume, by term and sequence. */
class VolumeCursor {
  readonly #files: readonly JournalFile[]
  readonly #options: LineOptions
  #index = 0
  #open: { file: DataFile; scan: RecordScan } | undefined
  #current: OpenedRecord | undefined

  constructor(journal: readonly JournalFile[], options: LineOptions) {
    this.#files = [...journal].sort(inOrder)
    this.#options = options
  }

  async current(): Promise<OpenedRecord | undefined> {
    this.#current ??= await this.#next()
    return this.#current
  }

  pass(): void {
    this.#current = undefined
  }

  /** The first record that is not before this place. */
  async advanceTo(term: number, sequence: number): Promise<OpenedRecord | undefined> {
    for (;;) {
      const record = await this.current()
      if (record === undefined) return undefined
      const isBefore = record.term < term || (record.term === term && record.sequence < sequence)
      if (!isBefore) return record
      this.pass()
    }
  }

  async close(): Promise<void> {
    const open = this.#open
    this.#open = undefined
    await open?.file.close()
  }

  async #next(): Promise<OpenedRecord | undefined> {
    for (;;) {
      const file = this.#files[this.#index]
      if (file === undefined) return undefined
      try {
        const found = await this.#nextIn(file)
        if (found !== undefined) return found
      } catch (error) {
        // The rest of the file is not to be had: another volume has it.
        this.#report(file, error instanceof Error ? error.message : String(error))
      }
      await this.close()
      this.#index++
    }
  }

  async #nextIn(file: JournalFile): Promise<OpenedRecord | undefined> {
    if (this.#open === undefined) {
      const opened = await this.#options.files.openRead(file.path)
      this.#open = { file: opened, scan: new RecordScan(opened, fileHeaderSize) }
    }
    for (;;) {
      const scanned = await this.#open.scan.next()
      if (scanned === undefined) return undefined
      if (scanned.damage !== undefined) {
        const { from, to, isTail } = scanned.damage
        // A torn end is what a crash leaves of a commit that nobody was told of.
        if (!isTail) this.#report(file, `bytes ${from} to ${to} are damaged`)
        continue
      }
      const record = this.#openRecord(file, scanned.record)
      if (record !== undefined) return record
    }
  }

  #openRecord(file: JournalFile, scanned: ScannedRecord): OpenedRecord | undefined {
    const { kind, term, sequence, bytes, offset } = scanned
    const { keys, storeId } = this.#options
    const key = keys.find(({ id }) => id.equals(file.header.keyId))
    const plaintext =
      key === undefined ? undefined : openSealedRecord(bytes, { key: key.key, ownerId: storeId })
    if (plaintext === undefined || (kind !== 'commit' && kind !== 'begin')) {
      this.#report(file, `the record at byte ${offset} is not authentic`)
      return undefined
    }
    return { kind, term, sequence, rows: decodeRows(plaintext) }
  }

  #report({ volume, path }: JournalFile, reason: string): void {
    this.#options.onFault({ volume, path, reason })
  }
}

function inOrder({ header: a }: JournalFile, { header: b }: JournalFile): number {
  return a.term - b.term || a.first - b.first || a.created - b.created
}
