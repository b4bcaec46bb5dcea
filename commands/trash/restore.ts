import { Args, Flags } from '@oclif/core'
import { formatRemote, parseObject } from '../../src/cli/address.ts'
import { R2dCommand } from '../../src/cli/r2d-command.ts'
import { TrashClient } from '../../src/control/trash-client.ts'
import type { TrashEntry } from '../../src/control/trash-protocol.ts'
import { R2dError } from '../../src/errors.ts'

export default class TrashRestore extends R2dCommand {
  static override summary = 'Bring an object back from the trash'
  static override description =
    'The version that was removed last, or the one that --id names. What is there now under the key goes to the trash. To bring back a prefix: r2d undo.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> r2://pictures/a.jpg',
    '<%= config.bin %> <%= command.id %> r2://pictures/a.jpg --id 1795532400000-0123456789abcdef0123456789abcdef'
  ]
  static override enableJsonFlag = true
  static override args = {
    object: Args.string({ description: 'Object', required: true, ignoreStdin: true })
  }
  static override flags = { id: Flags.string({ description: 'As r2d trash ls shows it' }) }

  async run(): Promise<TrashEntry> {
    const { args, flags } = await this.parse(TrashRestore)
    const { bucket, key } = parseObject(args.object)
    const client = new TrashClient(this.home(flags))
    const wanted = key.normalize('NFC')
    let found: TrashEntry | undefined
    for await (const objects of client.list({ bucket, prefix: key })) {
      found =
        objects.findLast(
          each =>
            each.key.normalize('NFC') === wanted && (flags.id === undefined || each.id === flags.id)
        ) ?? found
    }
    if (found === undefined) {
      throw new R2dError('R2D_NO_SUCH_KEY', `The trash has no such version of ${args.object}`, {
        hint: `See: r2d trash ls ${bucket}`
      })
    }

    await client.restore(bucket, found.id)
    this.say(
      `Brought back ${formatRemote({ bucket, key: found.key })}, as it was until ${found.removed}`
    )
    return found
  }
}
