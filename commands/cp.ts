import { TransferCommand, transferArguments } from '../src/cli/transfer-command.ts'
import type { TransferResult } from '../src/cli/transfers.ts'

export default class Cp extends TransferCommand {
  static override summary = 'Copy files and objects'
  static override description =
    'Copies a file to an object, an object to a file, or an object to an object. `-` is standard input or output. ' +
    'A target that ends in `/` takes the source under its own name.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> photo.jpg r2://pictures/2026/',
    '<%= config.bin %> <%= command.id %> r2://pictures/2026/photo.jpg .',
    '<%= config.bin %> <%= command.id %> --recursive ./site r2://www/',
    'tar c src | <%= config.bin %> <%= command.id %> - r2://backups/src.tar',
    '<%= config.bin %> <%= command.id %> --part-size 1GiB disk.img r2://backups/',
    '<%= config.bin %> <%= command.id %> r2://pictures/a.jpg r2://archive/a.jpg'
  ]
  static override aliases = ['bucket:cp', 'object:cp']
  static override args = transferArguments
  static override flags = TransferCommand.flags
  static override enableJsonFlag = true

  async run(): Promise<TransferResult> {
    const { args, flags } = await this.parse(Cp)

    return this.transfer(flags, (transfers, options) =>
      transfers.copy(args.source, args.target, options)
    )
  }
}
