import {
  bucketArgs,
  ConfigurationCommand,
  setFlags
} from '../../../src/cli/configuration-command.ts'

export default class BucketCorsSet extends ConfigurationCommand {
  static override summary = "Replace a bucket's CORS rules"
  static override examples = [
    '<%= config.bin %> <%= command.id %> pictures --file rules.json',
    '<%= config.bin %> bucket cors get pictures | <%= config.bin %> <%= command.id %> videos --file -'
  ]
  static override enableJsonFlag = true
  static override args = bucketArgs
  static override flags = setFlags

  async run(): Promise<{ name: string }> {
    const { args, flags } = await this.parse(BucketCorsSet)
    return this.set('cors', { ...args, home: flags.home, file: flags.file })
  }
}
