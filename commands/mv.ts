import { Args, Flags } from '@oclif/core'
import { Transfers } from '../src/cli/transfers.ts'
import { R2dCommand } from '../src/cli/r2d-command.ts'
import { transferFlags } from '../src/cli/transfer-flags.ts'

export default class Mv extends R2dCommand {
  static override summary = 'Move files and objects'
  static override description =
    'Copies, and deletes the source of each copy that has succeeded. Between objects no bytes are copied.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> r2://pictures/a.jpg r2://pictures/b.jpg',
    '<%= config.bin %> <%= command.id %> --recursive r2://pictures/2025/ r2://archive/2025/',
    '<%= config.bin %> <%= command.id %> report.pdf r2://documents/'
  ]
  static override aliases = ['bucket:mv', 'object:mv']
  static override enableJsonFlag = true
  static override args = {
    source: Args.string({ description: 'File, directory, object or prefix', required: true }),
    target: Args.string({ description: 'File, directory, object or prefix', required: true })
  }
  static override flags = {
    ...transferFlags,
    recursive: Flags.boolean({ char: 'r', description: 'Everything under a directory or prefix' })
  }

  async run(): Promise<unknown> {
    const { args, flags } = await this.parse(Mv)
    const client = await this.objects(flags)
    const transfers = new Transfers(client, {
      concurrency: flags.concurrency,
      isShown: flags.progress && !this.jsonEnabled(),
      say: text => {
        if (!this.jsonEnabled() && !flags.quiet) this.say(text)
      }
    })
    try {
      const result = await transfers.move(args.source, args.target, {
        isRecursive: flags.recursive
      })
      if (result.failed > 0) process.exitCode = 1
      return result
    } finally {
      client.close()
    }
  }
}
