/**
 * What the volume commands take.
 */

import { Args, Flags } from '@oclif/core'
import { R2dError } from '../errors.ts'

const volumeNumber = Args.custom<number>({
  parse: input => {
    if (/^[1-9]\d{0,8}$/.test(input)) return Promise.resolve(Number(input))

    const message = `${JSON.stringify(input)} is no number of a volume`
    const hint = 'r2d volume ls lists them'
    return Promise.reject(new R2dError('R2D_INVALID_CONFIG', message, { hint }))
  }
})

export const volumeArgs = {
  volume: volumeNumber({ description: 'Number of the volume', required: true })
}

export const acceptLossFlag = Flags.boolean({
  description: 'Give up what no other volume has'
})
