import { Args } from '@oclif/core'
import { R2dCommand } from '../../src/cli/r2d-command.ts'

export default class AccessKeyRm extends R2dCommand {
  static override summary = 'Revoke an S3 access key'
  static override description =
    'Requests and presigned URLs that are signed with it are refused from the moment that this returns; those that were under way may finish. A store that \
has no access key left is given a new one at the next start.'
  static override examples = ['<%= config.bin %> <%= command.id %> 4f0c1e…']
  static override aliases = ['access-key:revoke']
  static override enableJsonFlag = true
  static override args = {
    id: Args.string({ description: 'Access key id', required: true, ignoreStdin: true })
  }

  async run(): Promise<{ accessKeyId: string }> {
    const { args, flags } = await this.parse(AccessKeyRm)
    await this.control(flags).revokeAccessKey(args.id)
    this.say(`Revoked ${args.id}`)
    return { accessKeyId: args.id }
  }
}
