/**
 * A transaction: reads that are remembered as checks, and writes that apply together or not at all.
 *
 * A mutation is a function of a transaction and its arguments. It reads through the transaction,
 * decides, and writes to it; what it read becomes the checks of its commit, so its decision holds
 * when it is applied, whoever else writes, or it is run again. Because it may be run again, it has no effect outside the
 * transaction, and takes time and randomness as arguments.
 */

import type { Versioned } from './engine.ts'

export interface Transaction {
  get(key: Buffer): Promise<Versioned | undefined>
  getMany(keys: readonly Buffer[]): Promise<(Versioned | undefined)[]>
  put(key: Buffer, value: Buffer): void
  delete(key: Buffer): void
}

export type Mutation<Arguments, Result> = (
  transaction: Transaction,
  parameters: Arguments
) => Promise<Result>
