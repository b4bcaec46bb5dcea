import {
  bucketArgs,
  ConfigurationCommand,
  getFlags
} from '../../../src/cli/configuration-command.ts'

export default class BucketCorsGet extends ConfigurationCommand {
  static override summary = "Show a bucket's CORS rules, as JSON that set takes"
  static override examples = [
    '<%= config.bin %> <%= command.id %> pictures',
    '<%= config.bin %> <%= command.id %> pictures --xml'
  ]
  static override aliases = ['bucket:cors:list']
  static override enableJsonFlag = true
  static override args = bucketArgs
  static override flags = getFlags

  async run(): Promise<unknown> {
    const { args, flags } = await this.parse(BucketCorsGet)
    return this.get('cors', { ...args, home: flags.home, xml: flags.xml })
  }
}
