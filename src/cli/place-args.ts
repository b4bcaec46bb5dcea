/**
 * What commands on a bucket, or on a prefix of it, take.
 */

import { Args } from '@oclif/core'

/** `parseRemote` reads it. */
export const placeArgs = {
  address: Args.string({
    description: 'Bucket, or bucket and prefix',
    required: true,
    ignoreStdin: true
  })
}
