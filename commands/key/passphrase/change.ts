import { KeyCommand } from '../../../src/cli/key-command.ts'
import { readNewPassphrase } from '../../../src/cli/secret-input.ts'
import type { KeyStatus } from '../../../src/control/protocol.ts'

export default class KeyPassphraseChange extends KeyCommand {
  static override summary = 'Put the key file under another passphrase'
  static override description = `\
The present one comes from R2D_PASSPHRASE or R2D_PASSPHRASE_FILE, or is asked for; the new one from R2D_NEW_PASSPHRASE, R2D_NEW_PASSPHRASE_FILE or the \
first line of standard input, or is asked for. The key stays the same: copies of the key file from before open with the old passphrase. If that is known to \
others, also rotate the key.`
  static override examples = ['<%= config.bin %> <%= command.id %>']
  static override enableJsonFlag = true

  async run(): Promise<KeyStatus> {
    const { flags } = await this.parse(KeyPassphraseChange)
    return this.changePassphrase(this.home(flags), true, readNewPassphrase)
  }
}
