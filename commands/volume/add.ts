import { resolve } from 'node:path'
import { Args, Flags } from '@oclif/core'
import { R2dCommand } from '../../src/cli/r2d-command.ts'
import type { VolumeDocument } from '../../src/control/volume-protocol.ts'

export default class VolumeAdd extends R2dCommand {
  static override summary = 'Make a volume of an empty directory, and use it from now on'
  static override description =
    'The directory may be a new one; the one that it is in must be there. Writes go to the new volume at once, and what ' +
    'had too few replicas gets them there.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> /mnt/disk4/r2d',
    '<%= config.bin %> <%= command.id %> /mnt/disk5/r2d --failure-domain shelf-2',
    '<%= config.bin %> <%= command.id %> /mnt/disk6/r2d --location weur --json'
  ]
  static override enableJsonFlag = true
  static override args = {
    path: Args.string({ description: 'Directory of the volume', required: true })
  }
  static override flags = {
    location: Flags.string({ description: "Location that it belongs to [default: the store's]" }),
    'failure-domain': Flags.string({
      description:
        'Volumes of one domain are expected to fail together [default: those on one device]'
    })
  }

  async run(): Promise<VolumeDocument> {
    const { args, flags } = await this.parse(VolumeAdd)
    const domain = flags['failure-domain']
    const volume = await this.volumes(flags).add({
      path: resolve(args.path),
      ...(flags.location === undefined ? {} : { location: flags.location }),
      ...(domain === undefined ? {} : { failureDomain: domain })
    })
    this.log(`Added volume ${volume.number} in location ${volume.location}: ${volume.path}`)
    return volume
  }
}
