import { KeyCommand } from '../../../src/cli/key-command.ts'
import { readNewPassphrase } from '../../../src/cli/secret-input.ts'
import type { KeyStatus } from '../../../src/control/protocol.ts'

export default class KeyPassphraseSet extends KeyCommand {
  static override summary = 'Put the key file under a passphrase'
  static override description = `\
The new passphrase is asked for at a terminal, or else comes from R2D_NEW_PASSPHRASE, R2D_NEW_PASSPHRASE_FILE or the first line of standard input. The daemon \
needs it at every start, in R2D_PASSPHRASE or R2D_PASSPHRASE_FILE. Copies of the key file from before are under none.`
  static override examples = ['<%= config.bin %> <%= command.id %>']
  static override enableJsonFlag = true

  async run(): Promise<KeyStatus> {
    const { flags } = await this.parse(KeyPassphraseSet)
    return this.changePassphrase(this.home(flags), false, readNewPassphrase)
  }
}
