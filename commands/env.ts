import { Flags } from '@oclif/core'
import { R2dCommand } from '../src/cli/r2d-command.ts'
import { R2dError } from '../src/errors.ts'

export default class Env extends R2dCommand {
  static override summary = 'Print what S3 programs need to reach the daemon'
  static override description =
    'The output holds the secret key: it is meant for eval, for a file that only you can read, or for your own eyes.'
  static override examples = [
    'eval "$(<%= config.bin %> <%= command.id %> --aws)"',
    '<%= config.bin %> <%= command.id %> --rclone >> ~/.config/rclone/rclone.conf',
    '<%= config.bin %> <%= command.id %> --dotenv > .env'
  ]
  static override enableJsonFlag = true
  static override flags = {
    aws: Flags.boolean({ description: 'export lines for a shell (the default)' }),
    dotenv: Flags.boolean({ description: 'NAME=value lines', exclusive: ['aws', 'rclone'] }),
    rclone: Flags.boolean({ description: 'A remote for rclone.conf', exclusive: ['aws', 'dotenv'] })
  }

  async run(): Promise<Record<string, string>> {
    const { flags } = await this.parse(Env)
    const control = this.control(flags)
    const [{ endpoint, region }, [credential]] = await Promise.all([
      control.status(),
      control.credentials()
    ])
    if (credential === undefined) {
      throw new R2dError('R2D_UNAVAILABLE', 'The daemon has no access key')
    }

    const variables = {
      AWS_ENDPOINT_URL: endpoint,
      AWS_ACCESS_KEY_ID: credential.accessKeyId,
      AWS_SECRET_ACCESS_KEY: credential.secretAccessKey,
      AWS_REGION: region
    }
    if (flags.rclone) {
      this.log(
        [
          '[r2d]',
          'type = s3',
          'provider = Other',
          `access_key_id = ${credential.accessKeyId}`,
          `secret_access_key = ${credential.secretAccessKey}`,
          `endpoint = ${endpoint}`,
          `region = ${region}`
        ].join('\n')
      )
      return variables
    }
    for (const [name, value] of Object.entries(variables)) {
      this.log(`${flags.dotenv ? '' : 'export '}${name}=${value}`)
    }
    return variables
  }
}
