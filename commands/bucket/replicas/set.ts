import { Args, Flags } from '@oclif/core'
import { parseRemote } from '../../../src/cli/address.ts'
import { R2dCommand } from '../../../src/cli/r2d-command.ts'
import { replicaFlags } from '../../../src/cli/replica-flags.ts'
import type { BucketReplicas } from '../../../src/control/volume-protocol.ts'

export default class BucketReplicasSet extends R2dCommand {
  static override summary = 'Set how many replicas what is written to a bucket has'
  static override description =
    'Holds for what is written from now on: what is there keeps the number that it was written with. A write is acknowledged ' +
    'once it is on as many volumes as the minimum says.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> pictures --replicas 3',
    '<%= config.bin %> <%= command.id %> scratch --replicas 1',
    '<%= config.bin %> <%= command.id %> pictures --default'
  ]
  static override enableJsonFlag = true
  static override args = { bucket: Args.string({ description: 'Name', required: true }) }
  static override flags = {
    replicas: Flags.integer({
      description: replicaFlags.replicas.description ?? '',
      min: 1,
      exactlyOne: ['replicas', 'default']
    }),
    minimum: { ...replicaFlags.minimum, dependsOn: ['replicas'] },
    default: Flags.boolean({ description: 'As its location has it' })
  }

  async run(): Promise<BucketReplicas> {
    const { args, flags } = await this.parse(BucketReplicasSet)
    const { bucket } = parseRemote(args.bucket)
    const { replicas: replicaCount, minimum: replicaCountMin = replicaCount } = flags
    const own =
      replicaCount === undefined || replicaCountMin === undefined
        ? {}
        : { replicaCount, replicaCountMin }
    const policy = await this.volumes(flags).setBucketReplicas({ bucket, ...own })
    this.log(
      `What is written to ${bucket} has ${policy.replicaCount} replicas, at least ${policy.replicaCountMin}`
    )
    return policy
  }
}
