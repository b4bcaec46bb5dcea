import { R2dCommand } from '../../src/cli/r2d-command.ts'
import { acceptLossFlag, volumeArgs } from '../../src/cli/volume-flags.ts'
import type { RepairVolumeAnswer } from '../../src/control/volume-protocol.ts'

export default class VolumeRepair extends R2dCommand {
  static override summary = 'Use a volume again that failed, or fill the disk that replaces it'
  static override description =
    'If the volume is where it belongs, it is written to and read as a test, and used again. If its directory is empty, ' +
    'because its disk was replaced, a new volume with a new number takes its place, and is filled from the replicas on ' +
    'the others. Make sure that the new disk is mounted: an empty mount point looks the same.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> 2',
    '<%= config.bin %> <%= command.id %> 2 --json'
  ]
  static override enableJsonFlag = true
  static override args = volumeArgs
  static override flags = { 'accept-loss': acceptLossFlag }

  async run(): Promise<RepairVolumeAnswer> {
    const { args, flags } = await this.parse(VolumeRepair)
    const answer = await this.volumes(flags).repair({
      number: args.volume,
      acceptsLoss: flags['accept-loss']
    })
    const { outcome, volume } = answer
    switch (outcome) {
      case 'active':
        this.log(`Volume ${args.volume} is in order, and in use: ${volume.state}`)
        break
      case 'reactivated':
        this.log(`Volume ${args.volume} is in order, and used again`)
        break
      case 'replaced':
        this.log(
          `Volume ${volume.number} takes the place of volume ${args.volume}, and is being filled`
        )
        break
    }
    return answer
  }
}
