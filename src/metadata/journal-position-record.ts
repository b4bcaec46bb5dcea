/**
 * The journal position: how far the metadata has come, by the journal's count. One row, written by every commit.
 *
 * `keys` are those that the commit wrote or deleted. What the last commit did is therefore known from the engine alone, as
 * the rows under these keys are as it left them: the one commit that a crash may have kept from the journal is written
 * there again at the next start.
 */

import { RowReader, RowWriter } from './row-codec.ts'

export interface JournalPosition {
  /** Grows with each thread that takes up the journal; what an earlier one wrote late does not count. */
  term: number
  /** Of the last commit; grows by one with each. */
  sequence: number
  /** False while the journal is off, or not begun: there is no record of what was committed. */
  isJournaled: boolean
  keys: readonly Buffer[]
}

export function encodeJournalPosition(position: JournalPosition): Buffer {
  const { term, sequence, isJournaled, keys } = position
  const row = new RowWriter('journalPosition', 1, 64 * keys.length + 32)
  row.unsigned(term)
  row.unsigned(sequence)
  row.byte(isJournaled ? 1 : 0)
  row.unsigned(keys.length)
  for (const key of keys) row.bytes(key)
  return row.finish()
}

export function decodeJournalPosition(bytes: Buffer): JournalPosition {
  const row = new RowReader('journalPosition', 1, bytes)
  const [term, sequence, flag] = [row.unsigned(), row.unsigned(), row.byte()]
  if (flag > 1) throw row.corrupt('its flag is neither 0 nor 1')
  const keys = Array.from({ length: row.count(1) }, () => row.bytes())
  row.finish()
  return { term, sequence, isJournaled: flag === 1, keys }
}
