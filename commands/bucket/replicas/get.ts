import { Args } from '@oclif/core'
import { parseRemote } from '../../../src/cli/address.ts'
import { R2dCommand } from '../../../src/cli/r2d-command.ts'
import type { BucketReplicas } from '../../../src/control/volume-protocol.ts'

export default class BucketReplicasGet extends R2dCommand {
  static override summary = "Show how many replicas a bucket's objects have"
  static override examples = [
    '<%= config.bin %> <%= command.id %> pictures',
    '<%= config.bin %> <%= command.id %> pictures --json'
  ]
  static override enableJsonFlag = true
  static override args = { bucket: Args.string({ description: 'Name', required: true }) }

  async run(): Promise<BucketReplicas> {
    const { args, flags } = await this.parse(BucketReplicasGet)
    const { bucket } = parseRemote(args.bucket)
    const policy = await this.volumes(flags).bucketReplicas(bucket)
    this.log(`replicas    ${policy.replicaCount}`)
    this.log(`minimum     ${policy.replicaCountMin}`)
    this.log(`set by      ${policy.isOwn ? 'the bucket' : `its location, ${policy.location}`}`)
    return policy
  }
}
