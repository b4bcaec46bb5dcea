import { TransferCommand, transferArguments } from '../src/cli/transfer-command.ts'
import type { TransferResult } from '../src/cli/transfers.ts'

export default class Mv extends TransferCommand {
  static override summary = 'Move files and objects'
  static override description =
    'Copies, and deletes the source of each copy that has succeeded. Between objects no bytes are copied.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> r2://pictures/a.jpg r2://pictures/b.jpg',
    '<%= config.bin %> <%= command.id %> --recursive r2://pictures/2025/ r2://archive/2025/',
    '<%= config.bin %> <%= command.id %> report.pdf r2://documents/'
  ]
  static override aliases = ['bucket:mv', 'object:mv']
  static override args = transferArguments
  static override flags = TransferCommand.flags
  static override enableJsonFlag = true

  async run(): Promise<TransferResult> {
    const { args, flags } = await this.parse(Mv)

    return this.transfer(flags, (transfers, options) =>
      transfers.move(args.source, args.target, options)
    )
  }
}
