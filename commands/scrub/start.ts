import { R2dCommand } from '../../src/cli/r2d-command.ts'
import { scrubLine } from '../../src/cli/scrub-line.ts'
import type { ScrubStatus } from '../../src/control/protocol.ts'

export default class ScrubStart extends R2dCommand {
  static override summary = 'Verify every replica now'
  static override examples = ['<%= config.bin %> <%= command.id %>']
  static override enableJsonFlag = true

  async run(): Promise<ScrubStatus> {
    const { flags } = await this.parse(ScrubStart)
    const status = await this.control(flags).orderScrub('start')
    this.log(scrubLine(status))
    return status
  }
}
