/**
 * What the volume commands take.
 */

import { Args, Flags } from '@oclif/core'

export const volumeArgs = {
  volume: Args.integer({ description: 'Number of the volume', required: true, min: 1 })
}

export const acceptLossFlag = Flags.boolean({
  description: 'Give up what no other volume has',
  default: false
})
