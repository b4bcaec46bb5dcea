import { Flags } from '@oclif/core'
import { formatRemote, parseRemote } from '../src/cli/address.ts'
import { isConfirmed, yesFlag } from '../src/cli/confirm.ts'
import { parseMoment } from '../src/cli/moment.ts'
import { placeArgs } from '../src/cli/place-args.ts'
import { R2dCommand } from '../src/cli/r2d-command.ts'
import { TrashClient } from '../src/control/trash-client.ts'

interface Undone {
  asOf: string
  restored: number
  removed: number
}

export default class Undo extends R2dCommand {
  static override summary = 'Put a bucket, or a prefix of it, back as it was at a moment'
  static override description = `\
What was deleted or overwritten since then comes back, and what is newer goes to the trash: an undo can be undone. The bucket must have kept what was deleted since \
then (r2d bucket trash set). What is written while it runs stays. Cut off, it is finished by asking again for the same moment; give that as a date and time then. Tags and storage \
classes that were changed in place are not put back.`
  static override examples = [
    '<%= config.bin %> <%= command.id %> r2://pictures/2026/ --since 2h',
    '<%= config.bin %> <%= command.id %> pictures --since 2026-11-24T15:00:00Z --dry-run'
  ]
  static override enableJsonFlag = true
  static override args = placeArgs
  static override flags = {
    since: Flags.string({
      description: 'How long ago (2h, 7d), or when (2026-11-24T15:00:00Z)',
      required: true
    }),
    'dry-run': Flags.boolean({ char: 'n', description: 'Only say what would be done' }),
    yes: yesFlag
  }

  async run(): Promise<Undone> {
    const { args, flags } = await this.parse(Undo)
    const { bucket, key: prefix } = parseRemote(args.address)
    const asOf = new Date(parseMoment(flags.since, Date.now())).toISOString()
    const client = new TrashClient(this.home(flags))
    const where = `${formatRemote({ bucket, key: prefix })} as it was at ${asOf}`
    const planned = await client.undo({ bucket, prefix, asOf, isDry: true })
    const counts = `at most ${planned.restored} objects come back, and ${planned.removed} go to the trash`
    if (flags['dry-run']) {
      this.say(`${where}: ${counts}`)
      return { asOf, ...planned }
    }

    if (!flags.yes && !(await isConfirmed(`Put back ${where}? ${counts}.`))) this.exit(1)
    const done = await client.undo({ bucket, prefix, asOf, isDry: false })
    this.say(`Put back ${where}: ${done.restored} came back, ${done.removed} went to the trash`)
    return { asOf, ...done }
  }
}
