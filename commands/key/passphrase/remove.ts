import { KeyCommand } from '../../../src/cli/key-command.ts'
import type { KeyStatus } from '../../../src/control/protocol.ts'

export default class KeyPassphraseRemove extends KeyCommand {
  static override summary = 'Take the passphrase off the key file'
  static override description = `\
The present one comes from R2D_PASSPHRASE or R2D_PASSPHRASE_FILE, or is asked for. Whoever can read the file has the key then.`
  static override examples = ['<%= config.bin %> <%= command.id %>']
  static override enableJsonFlag = true

  async run(): Promise<KeyStatus> {
    const { flags } = await this.parse(KeyPassphraseRemove)
    return this.changePassphrase(this.home(flags), true, () => Promise.resolve(undefined))
  }
}
