import {
  bucketArgs,
  ConfigurationCommand,
  getFlags
} from '../../../src/cli/configuration-command.ts'

export default class BucketLifecycleGet extends ConfigurationCommand {
  static override summary = "Show a bucket's lifecycle rules, as JSON that set takes"
  static override examples = [
    '<%= config.bin %> <%= command.id %> pictures',
    '<%= config.bin %> <%= command.id %> pictures --xml'
  ]
  static override aliases = ['bucket:lifecycle:list']
  static override enableJsonFlag = true
  static override args = bucketArgs
  static override flags = getFlags

  async run(): Promise<unknown> {
    const { args, flags } = await this.parse(BucketLifecycleGet)
    return this.get('lifecycle', { ...args, home: flags.home, xml: flags.xml })
  }
}
