/**
 * The flags of what reads the metadata from volumes.
 */

import { Flags } from '@oclif/core'
import { R2dError } from '../errors.ts'

export const volumeFlag = Flags.string({
  description: 'Directory of a volume, once for each; without any, those in the home directory',
  multiple: true
})

export const replaceFlag = Flags.boolean({
  description: 'Put metadata that is there aside, into a directory beside it'
})

/** 0 is the newest. */
export function parseSnapshot(text: string): number {
  if (text === 'newest') return 0
  if (/^[1-9][0-9]{0,14}$/.test(text)) return Number(text)

  throw new R2dError('R2D_INVALID_CONFIG', `${text} is no snapshot`, {
    hint: 'Give newest, or the number of one: r2d meta verify lists them'
  })
}
