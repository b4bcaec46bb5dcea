/**
 * Secrets that a person or a program hands to a command: never as arguments, which others can see.
 */

import { readFile } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import { R2dError } from '../errors.ts'

const [interrupt, endOfInput, backspace, erase] = ['\x03', '\x04', '\x08', '\x7f']

/**
 * A new passphrase: from the variables `R2D_NEW_PASSPHRASE` or `R2D_NEW_PASSPHRASE_FILE`, the first line of standard input where that is no
 * terminal, or asked for twice.
 */
export async function readNewPassphrase(): Promise<string> {
  const given = await fromVariables('R2D_NEW_PASSPHRASE')
  if (given !== undefined) return given
  if (!process.stdin.isTTY) {
    const [line = ''] = (await text(process.stdin)).split(/\r?\n/)
    if (line !== '') return line
    throw new R2dError('R2D_INVALID_CONFIG', 'No new passphrase was given', {
      hint: 'Type it at a terminal, or give it on standard input, or in R2D_NEW_PASSPHRASE_FILE'
    })
  }

  const first = await readHidden('New passphrase: ')
  if (first === '') throw new R2dError('R2D_INVALID_CONFIG', 'A passphrase is not empty')
  if ((await readHidden('Again: ')) === first) return first
  throw new R2dError('R2D_INVALID_CONFIG', 'They are not the same; nothing was changed')
}

async function fromVariables(name: string): Promise<string | undefined> {
  const value = process.env[name]
  const path = process.env[`${name}_FILE`]
  if (value !== undefined && value !== '') return value
  if (path === undefined || path === '') return undefined

  try {
    return (await readFile(path, 'utf8')).replace(/\r?\n$/, '')
  } catch (error) {
    throw new R2dError('R2D_INVALID_CONFIG', `${path} cannot be read`, { cause: error })
  }
}

/** A line from the terminal that does not show there. */
export async function readHidden(prompt: string): Promise<string> {
  process.stderr.write(prompt)
  const { stdin } = process
  stdin.setRawMode(true)
  stdin.setEncoding('utf8')
  stdin.resume()
  try {
    return await new Promise<string>((resolve, reject) => {
      let line = ''
      const take = (piece: string): void => {
        for (const character of piece) {
          if (
            character === interrupt ||
            character === '\r' ||
            character === '\n' ||
            character === endOfInput
          ) {
            stdin.off('data', take)
            if (character === interrupt) reject(new R2dError('R2D_INVALID_CONFIG', 'Interrupted'))
            else resolve(line)
            return
          }
          if (character === backspace || character === erase) line = line.slice(0, -1)
          else line += character
        }
      }
      stdin.on('data', take)
    })
  } finally {
    stdin.setRawMode(false)
    stdin.pause()
    process.stderr.write('\n')
  }
}
