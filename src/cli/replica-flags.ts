/**
 * The flags of a replica policy.
 */

import { Flags } from '@oclif/core'

export const replicaFlags = {
  replicas: Flags.integer({
    description: 'Replicas that everything is to have, each on a volume of its own',
    required: true,
    min: 1
  }),
  minimum: Flags.integer({
    description: 'Fewest replicas with which a write is acknowledged [default: all of them]',
    min: 1
  })
}
