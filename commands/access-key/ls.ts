import { R2dCommand } from '../../src/cli/r2d-command.ts'
import type { AccessKeyDocument } from '../../src/control/protocol.ts'

export default class AccessKeyLs extends R2dCommand {
  static override summary = 'List the S3 access keys, without their secrets'
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --json'
  ]
  static override enableJsonFlag = true

  async run(): Promise<AccessKeyDocument[]> {
    const { flags } = await this.parse(AccessKeyLs)
    const keys = await this.control(flags).accessKeys()
    for (const { accessKeyId, description, created } of keys)
      this.log(`${created}  ${accessKeyId}  ${description}`)
    return keys
  }
}
