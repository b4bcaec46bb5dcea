import { setTimeout as delay } from 'node:timers/promises'
import { Flags } from '@oclif/core'
import { R2dCommand } from '../../src/cli/r2d-command.ts'
import { volumeArgs } from '../../src/cli/volume-flags.ts'
import type { VolumeDocument } from '../../src/control/volume-protocol.ts'

const pollMs = 1_000

export default class VolumeDrain extends R2dCommand {
  static override summary = 'Move everything off a volume, so that it can be removed'
  static override description =
    'Nothing new is written to it, and what is on it is copied to other volumes while it goes on being read. Once it ' +
    'is empty, `r2d volume rm` takes it out.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> 2',
    '<%= config.bin %> <%= command.id %> 2 --wait && <%= config.bin %> volume rm 2',
    '<%= config.bin %> <%= command.id %> 2 --cancel'
  ]
  static override enableJsonFlag = true
  static override args = volumeArgs
  static override flags = {
    wait: Flags.boolean({ description: 'Return when it is empty', default: false }),
    cancel: Flags.boolean({
      description: 'Write to it again; what was moved stays where it is',
      default: false,
      exclusive: ['wait']
    })
  }

  async run(): Promise<VolumeDocument> {
    const { args, flags } = await this.parse(VolumeDrain)
    const volumes = this.volumes(flags)
    if (flags.cancel) {
      const volume = await volumes.undrain(args.volume)
      this.log(`Volume ${volume.number} is ${volume.state}`)
      return volume
    }

    const volume = await volumes.drain(args.volume)
    this.log(`Volume ${volume.number} is being emptied`)
    if (!flags.wait) return volume

    let shown: number | undefined
    for (;;) {
      const found = await volumes.info(args.volume)
      if (found.extents === 0) break
      if (found.extents !== shown) this.say(`${found.extents} extents are left`)
      shown = found.extents
      await delay(pollMs)
    }
    this.log(`Volume ${volume.number} is empty`)
    return volume
  }
}
