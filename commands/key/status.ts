import { KeyCommand } from '../../src/cli/key-command.ts'
import type { KeyStatus } from '../../src/control/protocol.ts'

export default class KeyStatusCommand extends KeyCommand {
  static override summary = 'Show which master key the store has, and where it comes from'
  static override description =
    'Keys are shown by name: 16 hex digits that say nothing of the key. A recovery sheet bears the name of its key.'
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --json'
  ]
  static override enableJsonFlag = true

  async run(): Promise<KeyStatus> {
    const { flags } = await this.parse(KeyStatusCommand)
    const home = this.home(flags)
    const status = await this.ask(home, {
      online: control => control.key(),
      offline: (store, variables) => store.keyStatusOffline(home, variables)
    })
    this.showKey(status)
    return status
  }
}
