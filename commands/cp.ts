import { Args, Flags } from '@oclif/core'
import { Transfers } from '../src/cli/transfers.ts'
import { R2dCommand } from '../src/cli/r2d-command.ts'
import { transferFlags } from '../src/cli/transfer-flags.ts'

export default class Cp extends R2dCommand {
  static override summary = 'Copy files and objects'
  static override description =
    'Copies a file to an object, an object to a file, or an object to an object. `-` is standard input or output. ' +
    'A target that ends in `/` takes the source under its own name.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> photo.jpg r2://pictures/2026/',
    '<%= config.bin %> <%= command.id %> r2://pictures/2026/photo.jpg .',
    '<%= config.bin %> <%= command.id %> --recursive ./site r2://www/',
    'tar c src | <%= config.bin %> <%= command.id %> - r2://backups/src.tar',
    '<%= config.bin %> <%= command.id %> r2://pictures/a.jpg r2://archive/a.jpg'
  ]
  static override aliases = ['bucket:cp', 'object:cp']
  static override enableJsonFlag = true
  static override args = {
    source: Args.string({ description: 'File, directory, object, prefix or -', required: true }),
    target: Args.string({ description: 'File, directory, object, prefix or -', required: true })
  }
  static override flags = {
    ...transferFlags,
    recursive: Flags.boolean({ char: 'r', description: 'Everything under a directory or prefix' })
  }

  async run(): Promise<unknown> {
    const { args, flags } = await this.parse(Cp)
    const client = await this.objects(flags)
    const transfers = new Transfers(client, {
      concurrency: flags.concurrency,
      isShown: flags.progress && !this.jsonEnabled(),
      say: text => {
        if (!this.jsonEnabled() && !flags.quiet) this.say(text)
      }
    })
    try {
      const result = await transfers.copy(args.source, args.target, {
        isRecursive: flags.recursive
      })
      if (result.failed > 0) process.exitCode = 1
      return result
    } finally {
      client.close()
    }
  }
}
