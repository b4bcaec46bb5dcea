import { bucketArgs, ConfigurationCommand } from '../../../src/cli/configuration-command.ts'

export default class BucketCorsRm extends ConfigurationCommand {
  static override summary = "Remove a bucket's CORS rules"
  static override examples = ['<%= config.bin %> <%= command.id %> pictures']
  static override aliases = ['bucket:cors:delete']
  static override enableJsonFlag = true
  static override args = bucketArgs

  async run(): Promise<{ name: string }> {
    const { args, flags } = await this.parse(BucketCorsRm)
    return this.remove('cors', { ...args, home: flags.home })
  }
}
