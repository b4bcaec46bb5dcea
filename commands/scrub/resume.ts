import { R2dCommand } from '../../src/cli/r2d-command.ts'
import { scrubLine } from '../../src/cli/scrub-line.ts'
import type { ScrubStatus } from '../../src/control/protocol.ts'

export default class ScrubResume extends R2dCommand {
  static override summary = 'Go on verifying where it was paused'
  static override examples = ['<%= config.bin %> <%= command.id %>']
  static override enableJsonFlag = true

  async run(): Promise<ScrubStatus> {
    const { flags } = await this.parse(ScrubResume)
    const status = await this.control(flags).orderScrub('resume')
    this.log(scrubLine(status))
    return status
  }
}
