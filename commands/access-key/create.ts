import { Flags } from '@oclif/core'
import { R2dCommand } from '../../src/cli/r2d-command.ts'
import type { CredentialDocument } from '../../src/control/protocol.ts'

export default class AccessKeyCreate extends R2dCommand {
  static override summary = 'Make an S3 access key'
  static override description =
    'Prints the id and the secret. The secret is shown here only; it is kept sealed under the master key.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> --description "backup of the laptop"',
    '<%= config.bin %> <%= command.id %> --json'
  ]
  static override enableJsonFlag = true
  static override flags = {
    description: Flags.string({ char: 'd', description: 'What it is for', default: '' })
  }

  async run(): Promise<CredentialDocument> {
    const { flags } = await this.parse(AccessKeyCreate)
    const { description } = flags
    const credential = await this.control(flags).createAccessKey({ description })
    this.log(`Access key id      ${credential.accessKeyId}`)
    this.log(`Secret access key  ${credential.secretAccessKey}`)
    return credential
  }
}
