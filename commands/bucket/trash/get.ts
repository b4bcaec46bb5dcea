import { Args } from '@oclif/core'
import { parseRemote } from '../../../src/cli/address.ts'
import { R2dCommand } from '../../../src/cli/r2d-command.ts'
import { formatPolicy } from '../../../src/cli/trash-policy.ts'
import { TrashClient } from '../../../src/control/trash-client.ts'
import type { TrashPolicyDocument } from '../../../src/control/trash-protocol.ts'

export default class BucketTrashGet extends R2dCommand {
  static override summary =
    'Show whether a bucket keeps what is deleted, and how much of that it has'
  static override examples = ['<%= config.bin %> <%= command.id %> pictures']
  static override enableJsonFlag = true
  static override args = {
    bucket: Args.string({ description: 'Name', required: true, ignoreStdin: true })
  }

  async run(): Promise<TrashPolicyDocument> {
    const { args, flags } = await this.parse(BucketTrashGet)
    const policy = await new TrashClient(this.home(flags)).policy(parseRemote(args.bucket).bucket)
    this.log(formatPolicy(policy))
    return policy
  }
}
