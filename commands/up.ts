import { Flags } from '@oclif/core'
import { daemonFlags } from '../src/cli/daemon-flags.ts'
import { R2dCommand } from '../src/cli/r2d-command.ts'
import { welcome } from '../src/cli/welcome.ts'
import { ControlClient } from '../src/control/client.ts'
import type { Home } from '../src/home.ts'
import type { Daemon } from '../daemon/daemon.ts'

export default class Up extends R2dCommand {
  static override summary = 'Make a store if there is none, and serve it'
  static override description =
    'Stays in the foreground and prints the endpoint and its keys. The first time it makes a master key, three volumes ' +
    'with two replicas of everything, and an access key. `r2d daemon start` does the same in the background.'
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --bucket my-bucket --port 9000',
    'R2D_HOME=/srv/r2d <%= config.bin %> <%= command.id %>'
  ]
  static override flags = {
    ...daemonFlags,
    quiet: Flags.boolean({ char: 'q', description: 'Do not print the keys', env: 'R2D_QUIET' })
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(Up)
    const home = this.home(flags)
    // Everything that a daemon is made of: loaded here, so that no other command waits for it.
    const { runDaemon } = await import('../daemon/main.ts')
    const code = await runDaemon({
      home,
      host: flags.host,
      port: flags.port,
      threads: flags.threads,
      bucket: flags.bucket,
      ...(flags.quiet ? {} : { onReady: daemon => this.#welcome(daemon, home) })
    })
    process.exit(code)
  }
  async #welcome(
    { endpoint, settings: { engine } }: Pick<Daemon, 'endpoint' | 'settings'>,
    home: Home
  ): Promise<void> {
    const [credential] = await new ControlClient(home).credentials()
    if (credential !== undefined)
      this.log(welcome({ endpoint, home: home.path, engine }, credential))
  }
}
