import {
  bucketArgs,
  ConfigurationCommand,
  setFlags
} from '../../../src/cli/configuration-command.ts'

export default class BucketLifecycleSet extends ConfigurationCommand {
  static override summary = "Replace a bucket's lifecycle rules"
  static override examples = [
    '<%= config.bin %> <%= command.id %> pictures --file rules.json',
    '<%= config.bin %> bucket lifecycle get pictures | <%= config.bin %> <%= command.id %> videos --file -'
  ]
  static override enableJsonFlag = true
  static override args = bucketArgs
  static override flags = setFlags

  async run(): Promise<{ name: string }> {
    const { args, flags } = await this.parse(BucketLifecycleSet)
    return this.set('lifecycle', { ...args, home: flags.home, file: flags.file })
  }
}
