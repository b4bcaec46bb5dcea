import { stopRunning } from '../../src/cli/daemon-process.ts'
import { R2dCommand } from '../../src/cli/r2d-command.ts'

export default class DaemonStop extends R2dCommand {
  static override summary = 'Stop the daemon, letting what is in flight finish'
  static override examples = ['<%= config.bin %> <%= command.id %>']

  async run(): Promise<void> {
    const { flags } = await this.parse(DaemonStop)
    const { pid } = await stopRunning(this.home(flags))
    this.say(`Stopped (pid ${pid})`)
  }
}
