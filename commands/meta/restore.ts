import { Args, Flags } from '@oclif/core'
import type { RebuildReport } from '../../daemon/rebuild-metadata.ts'
import { parseSnapshot, replaceFlag, volumeFlag } from '../../src/cli/meta-flags.ts'
import { RebuildCommand } from '../../src/cli/rebuild-command.ts'

export default class MetaRestore extends RebuildCommand {
  static override summary = 'Put the metadata back to what it was at a snapshot'
  static override description = `\
Everything that was committed after it is undone: objects that were written since are gone, and those that were deleted since are listed again, but their \
content is there only if its space was not given back yet. The metadata that was there is put aside; the daemon gives the space of what only that names back \
once it is started. To lose nothing, use r2d meta rebuild.`
  static override examples = [
    '<%= config.bin %> <%= command.id %> newest --replace',
    '<%= config.bin %> <%= command.id %> 1764000000000 --replace'
  ]
  static override enableJsonFlag = true
  static override args = {
    snapshot: Args.string({
      description: 'newest, or the number of one: r2d meta verify lists them',
      required: true
    })
  }
  static override flags = {
    volume: volumeFlag,
    replace: replaceFlag,
    partial: Flags.boolean({ description: 'Go on though volumes are missing' })
  }

  async run(): Promise<RebuildReport> {
    const { args, flags } = await this.parse(MetaRestore)
    return this.rebuild({ ...flags, snapshot: parseSnapshot(args.snapshot) })
  }
}
