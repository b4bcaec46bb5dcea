import { daemonFlags } from '../../src/cli/daemon-flags.ts'
import { readStartFlags, startInBackground, stopRunning } from '../../src/cli/daemon-process.ts'
import { R2dCommand } from '../../src/cli/r2d-command.ts'

export default class DaemonRestart extends R2dCommand {
  static override summary = 'Stop the daemon if it runs, and start it in the background'
  static override description =
    'The daemon is started with the host, port and threads that it was started with before, unless others are given.'
  static override examples = ['<%= config.bin %> <%= command.id %>']
  static override flags = daemonFlags

  async run(): Promise<void> {
    const { flags } = await this.parse(DaemonRestart)
    const home = this.home(flags)
    const running = await this.control(flags)
      .status()
      .catch(() => undefined)
    const before = readStartFlags(home)
    if (running !== undefined) await stopRunning(home)

    const { host = before.host, port = before.port, threads = before.threads, bucket } = flags
    const status = await startInBackground(home, { host, port, threads, bucket })
    this.say(`Started: ${status.endpoint} (pid ${status.pid})`)
  }
}
