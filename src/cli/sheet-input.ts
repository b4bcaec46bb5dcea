/**
 * A recovery sheet that is given to a command: a file, standard input, or typed in group by group.
 */

import { readFile } from 'node:fs/promises'
import { createInterface } from 'node:readline/promises'
import { text } from 'node:stream/consumers'
import { Args } from '@oclif/core'
import { R2dError } from '../errors.ts'

export const sheetArgs = {
  sheet: Args.string({
    ignoreStdin: true,
    description: 'File with the sheet or its groups; - is standard input; none: typed in'
  })
}

interface Groups {
  groupCount: number
  isRightGroup: (number: number, group: string) => boolean
}

export async function readTypedSheet(path: string | undefined, groups: Groups): Promise<string> {
  if (path === undefined && process.stdin.isTTY) return typeGroups(groups)

  return readSheet(path ?? '-')
}

/** A whole document: a file, or standard input for `-`. */
async function readSheet(path: string): Promise<string> {
  try {
    return path === '-' ? await text(process.stdin) : await readFile(path, 'utf8')
  } catch (error) {
    throw new R2dError('R2D_INVALID_CONFIG', `${path} cannot be read`, { cause: error })
  }
}

/** Group by group at a terminal, each asked for again until it is right. */
async function typeGroups({ groupCount, isRightGroup }: Groups): Promise<string> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  const groups: string[] = []
  try {
    while (groups.length < groupCount) {
      const number = groups.length + 1
      const group = (await terminal.question(`Group ${number} of ${groupCount}: `)).trim()
      if (isRightGroup(number, group)) groups.push(group)
      else process.stderr.write(`That is not group ${number} as it was printed.\n`)
    }
  } finally {
    terminal.close()
  }
  return groups.join(' ')
}
