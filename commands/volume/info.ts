import { formatSize } from '../../src/cli/quantity.ts'
import { R2dCommand } from '../../src/cli/r2d-command.ts'
import { volumeArgs } from '../../src/cli/volume-flags.ts'
import type { VolumeDetail } from '../../src/control/volume-protocol.ts'

export default class VolumeInfo extends R2dCommand {
  static override summary = 'Show a volume, and count what is on it'
  static override description =
    'Counts by looking at every extent of the store. A volume that is being drained is empty when there are no extents on it.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> 2',
    '<%= config.bin %> <%= command.id %> 2 --json | jq .extents'
  ]
  static override enableJsonFlag = true
  static override args = volumeArgs

  async run(): Promise<VolumeDetail> {
    const { args, flags } = await this.parse(VolumeInfo)
    const volume = await this.volumes(flags).info(args.volume)
    const lines = [
      ['volume', String(volume.number)],
      ['state', `${volume.state}${volume.reason === undefined ? '' : ` (${volume.reason})`}`],
      ['path', volume.path],
      ['id', volume.id],
      ['location', volume.location],
      [
        'failures',
        volume.failureDomain === '' ? 'with its device' : `with ${volume.failureDomain}`
      ],
      ['free', `${formatSize(volume.free)} of ${formatSize(volume.total)}`],
      ['faults', `${volume.faults} since the start`],
      ['extents', `${volume.extents}, ${formatSize(volume.bytes)}`],
      ['only here', `${volume.extentsOnlyHere} of them are on no other volume that can be read`]
    ]
    for (const [name = '', value = ''] of lines) this.log(`${name.padEnd(11)}${value}`)
    return volume
  }
}
