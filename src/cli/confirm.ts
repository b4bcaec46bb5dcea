/**
 * A question before what cannot be taken back.
 */

import { createInterface } from 'node:readline/promises'
import { Flags } from '@oclif/core'
import { R2dError } from '../errors.ts'

export const yesFlag = Flags.boolean({ char: 'y', description: 'Do not ask', env: 'R2D_YES' })

/** Where nobody can be asked, the command is to be given `--yes`. */
export async function isConfirmed(question: string): Promise<boolean> {
  if (!process.stdin.isTTY) {
    throw new R2dError('R2D_INVALID_CONFIG', question, { hint: 'Say so with --yes' })
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  const answer = await terminal.question(`${question} [y/N] `)
  terminal.close()
  return /^y(?:es)?$/i.test(answer.trim())
}
