import { bucketArgs, ConfigurationCommand } from '../../../src/cli/configuration-command.ts'

export default class BucketLifecycleRm extends ConfigurationCommand {
  static override summary = "Remove a bucket's lifecycle rules"
  static override examples = ['<%= config.bin %> <%= command.id %> pictures']
  static override aliases = ['bucket:lifecycle:delete']
  static override enableJsonFlag = true
  static override args = bucketArgs

  async run(): Promise<{ name: string }> {
    const { args, flags } = await this.parse(BucketLifecycleRm)
    return this.remove('lifecycle', { ...args, home: flags.home })
  }
}
