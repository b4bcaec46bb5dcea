import { Flags } from '@oclif/core'
import { R2dCommand } from '../../src/cli/r2d-command.ts'
import { volumeTable } from '../../src/cli/volume-table.ts'
import type { VolumeDocument } from '../../src/control/volume-protocol.ts'

export default class VolumeLs extends R2dCommand {
  static override summary = 'List the volumes, and whether each can be used'
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --all',
    '<%= config.bin %> <%= command.id %> --json | jq \'.[] | select(.state != "active")\''
  ]
  static override enableJsonFlag = true
  static override flags = {
    all: Flags.boolean({ description: 'Those that were removed, too', default: false })
  }

  async run(): Promise<VolumeDocument[]> {
    const { flags } = await this.parse(VolumeLs)
    const found = await this.volumes(flags).list()
    const volumes = found.filter(({ state }) => flags.all || state !== 'removed')
    for (const line of volumeTable(volumes)) this.log(line)
    return volumes
  }
}
