import { Flags } from '@oclif/core'
import { daemonFlags } from '../../src/cli/daemon-flags.ts'
import { startInBackground } from '../../src/cli/daemon-process.ts'
import { R2dCommand } from '../../src/cli/r2d-command.ts'
import { welcome } from '../../src/cli/welcome.ts'

export default class DaemonStart extends R2dCommand {
  static override summary = 'Start the daemon in the background'
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --port 9000',
    '<%= config.bin %> <%= command.id %> --foreground'
  ]
  static override flags = {
    ...daemonFlags,
    foreground: Flags.boolean({ char: 'f', description: 'Stay in the foreground' }),
    quiet: Flags.boolean({ char: 'q', description: 'Do not print the keys', env: 'R2D_QUIET' })
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(DaemonStart)
    const { host, port, threads, bucket } = flags
    const home = this.home(flags)
    if (flags.foreground) {
      // Everything that a daemon is made of: loaded here, so that no other command waits for it.
      const { runDaemon } = await import('../../daemon/main.ts')
      process.exit(await runDaemon({ home, host, port, threads, bucket }))
    }

    const control = this.control(flags)
    const running = await control.status().catch(() => undefined)
    if (running !== undefined) {
      this.say(`Already running: ${running.endpoint} (pid ${running.pid})`)
      return
    }
    const status = await startInBackground(home, flags)
    const [credential] = await control.credentials()
    if (credential !== undefined && !flags.quiet) this.log(welcome(status, credential))
    else this.say(`Started: ${status.endpoint} (pid ${status.pid})`)
  }
}
