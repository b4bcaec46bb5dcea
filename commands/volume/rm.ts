import { Flags } from '@oclif/core'
import { R2dCommand } from '../../src/cli/r2d-command.ts'
import { acceptLossFlag, volumeArgs } from '../../src/cli/volume-flags.ts'
import type { VolumeDocument } from '../../src/control/volume-protocol.ts'

export default class VolumeRm extends R2dCommand {
  static override summary = 'Take out a volume that nothing is on any more'
  static override description =
    'Looks at every extent of the store first, and refuses while one is on the volume. With --force, a volume whose disk ' +
    'is gone for good is given up as it is: it counts as lost, its extents are made anew from their other replicas, and ' +
    'once that is done it can be taken out like any other. What is in its directory is left there.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> 2',
    '<%= config.bin %> <%= command.id %> 2 --force'
  ]
  static override enableJsonFlag = true
  static override args = volumeArgs
  static override flags = {
    force: Flags.boolean({ description: 'Its disk is gone for good' }),
    'accept-loss': { ...acceptLossFlag, dependsOn: ['force'] }
  }

  async run(): Promise<VolumeDocument> {
    const { args, flags } = await this.parse(VolumeRm)
    const volume = await this.volumes(flags).remove({
      number: args.volume,
      isForced: flags.force,
      acceptsLoss: flags['accept-loss']
    })
    this.log(
      volume.state === 'removed'
        ? `Removed volume ${volume.number}: nothing uses ${volume.path} any more`
        : `Volume ${volume.number} is ${volume.state}: its extents are made anew on the others`
    )
    return volume
  }
}
