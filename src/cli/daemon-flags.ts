/**
 * The flags of what starts a daemon.
 */

import { Flags } from '@oclif/core'

export const daemonFlags = {
  host: Flags.string({
    description: 'Address that the S3 endpoint listens on [default: 127.0.0.1]',
    env: 'R2D_S3_HOST'
  }),
  port: Flags.integer({
    description: 'Port of the S3 endpoint; 0 takes any free one [default: 7230]',
    env: 'R2D_S3_PORT',
    min: 0,
    max: 65_535
  }),
  threads: Flags.integer({
    description: 'Threads that serve requests; 0 is one a core [default: 0]',
    env: 'R2D_GATEWAY_THREADS',
    min: 0,
    max: 256
  }),
  bucket: Flags.string({
    description: 'Bucket to create if it is not there',
    env: 'R2D_BUCKET'
  })
}
