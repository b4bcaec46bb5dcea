import { daemonFlags } from '../../src/cli/daemon-flags.ts'
import { startInBackground, stopRunning } from '../../src/cli/daemon-process.ts'
import { R2dCommand } from '../../src/cli/r2d-command.ts'

export default class DaemonRestart extends R2dCommand {
  static override summary = 'Stop the daemon if it runs, and start it in the background'
  static override examples = ['<%= config.bin %> <%= command.id %>']
  static override flags = daemonFlags

  async run(): Promise<void> {
    const { flags } = await this.parse(DaemonRestart)
    const home = this.home(flags)
    const running = await this.control(flags)
      .status()
      .catch(() => undefined)
    if (running !== undefined) await stopRunning(home)

    const status = await startInBackground(home, flags)
    this.say(`Started: ${status.endpoint} (pid ${status.pid})`)
  }
}
