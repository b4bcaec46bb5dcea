import { R2dCommand } from '../../src/cli/r2d-command.ts'
import { scrubLine } from '../../src/cli/scrub-line.ts'
import type { ScrubStatus } from '../../src/control/protocol.ts'

export default class ScrubPause extends R2dCommand {
  static override summary = 'Stop verifying until it is resumed; nothing is read meanwhile'
  static override examples = ['<%= config.bin %> <%= command.id %>']
  static override enableJsonFlag = true

  async run(): Promise<ScrubStatus> {
    const { flags } = await this.parse(ScrubPause)
    const status = await this.control(flags).orderScrub('pause')
    this.log(scrubLine(status))
    return status
  }
}
