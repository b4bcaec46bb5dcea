import { Args, Flags } from '@oclif/core'
import { parseRemote } from '../../src/cli/address.ts'
import { R2dCommand } from '../../src/cli/r2d-command.ts'

export default class BucketCreate extends R2dCommand {
  static override summary = 'Create a bucket'
  static override examples = [
    '<%= config.bin %> <%= command.id %> pictures',
    '<%= config.bin %> <%= command.id %> archive --storage-class STANDARD_IA'
  ]
  static override enableJsonFlag = true
  static override args = { bucket: Args.string({ description: 'Name', required: true }) }
  static override flags = {
    location: Flags.string({ description: 'Location, or one of R2’s hints' }),
    'storage-class': Flags.option({ options: ['STANDARD', 'STANDARD_IA'] as const })({
      description: 'Of objects that ask for none'
    })
  }

  async run(): Promise<{ name: string }> {
    const { args, flags } = await this.parse(BucketCreate)
    const client = await this.objects(flags)
    try {
      const { bucket: name } = parseRemote(args.bucket)
      const { location, 'storage-class': storageClass } = flags
      await client.createBucket(name, { location, storageClass })
      this.say(`Created r2://${name}`)
      return { name }
    } finally {
      client.close()
    }
  }
}
