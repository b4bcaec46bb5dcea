import { Flags } from '@oclif/core'
import type { RebuildReport } from '../../daemon/rebuild-metadata.ts'
import { replaceFlag, volumeFlag } from '../../src/cli/meta-flags.ts'
import { RebuildCommand } from '../../src/cli/rebuild-command.ts'

export default class MetaRebuild extends RebuildCommand {
  static override summary = 'Make the metadata again from the volumes and the master key'
  static override description = `\
For when the metadata directory is lost or broken. The newest snapshot that is whole is taken, and every commit of the journal behind it, so that everything \
that was acknowledged is there (with metadata.journal = "off": everything up to the snapshot). What is damaged on one volume is taken from another.

The daemon must not run. The new metadata is made beside, and put in its place when it is whole: killed at any moment, run it again.`
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --volume /mnt/disk1/r2d --volume /mnt/disk2/r2d',
    '<%= config.bin %> <%= command.id %> --replace'
  ]
  static override enableJsonFlag = true
  static override flags = {
    volume: volumeFlag,
    replace: replaceFlag,
    partial: Flags.boolean({
      description: 'Make what can be made, though something is known to be missing'
    })
  }

  async run(): Promise<RebuildReport> {
    const { flags } = await this.parse(MetaRebuild)
    return this.rebuild(flags)
  }
}
