import { formatRemote, parseRemote } from '../../src/cli/address.ts'
import { isConfirmed, yesFlag } from '../../src/cli/confirm.ts'
import { placeArgs } from '../../src/cli/place-args.ts'
import { formatSize } from '../../src/cli/quantity.ts'
import { R2dCommand } from '../../src/cli/r2d-command.ts'
import { TrashClient } from '../../src/control/trash-client.ts'

export default class TrashEmpty extends R2dCommand {
  static override summary = 'Let go of what is in the trash, for good'
  static override examples = [
    '<%= config.bin %> <%= command.id %> pictures',
    '<%= config.bin %> <%= command.id %> r2://pictures/2025/ --yes'
  ]
  static override enableJsonFlag = true
  static override args = placeArgs
  static override flags = { yes: yesFlag }

  async run(): Promise<{ objects: number; bytes: number }> {
    const { args, flags } = await this.parse(TrashEmpty)
    const { bucket, key: prefix } = parseRemote(args.address)
    const where = formatRemote({ bucket, key: prefix })
    if (!flags.yes && !(await isConfirmed(`Let go of all deleted objects of ${where}, for good?`)))
      this.exit(1)
    const gone = await new TrashClient(this.home(flags)).empty({ bucket, prefix })
    this.say(`Let go of ${gone.objects} objects, ${formatSize(gone.bytes)}`)
    return gone
  }
}
