import { R2dCommand } from '../../src/cli/r2d-command.ts'
import { scrubLine } from '../../src/cli/scrub-line.ts'
import type { ScrubStatus } from '../../src/control/protocol.ts'

export default class ScrubStatusCommand extends R2dCommand {
  static override summary = 'Show how far the verification of all replicas has come'
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --json'
  ]
  static override enableJsonFlag = true

  async run(): Promise<ScrubStatus> {
    const { flags } = await this.parse(ScrubStatusCommand)
    const status = await this.control(flags).scrub()
    this.log(scrubLine(status))
    return status
  }
}
