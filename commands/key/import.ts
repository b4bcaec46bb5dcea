import { Flags } from '@oclif/core'
import { KeyCommand } from '../../src/cli/key-command.ts'
import { readNewPassphrase } from '../../src/cli/secret-input.ts'
import { readTypedSheet, sheetArgs } from '../../src/cli/sheet-input.ts'

interface Imported {
  keyId: string
  file: string
}

export default class KeyImport extends KeyCommand {
  static override summary = 'Take the master key back from a recovery sheet'
  static override description = `\
Writes the key file, if there is none. Where there is a store, the sheet must be of its key. At a terminal the groups are asked for one by one, and each is \
checked at once; groups that are not as they were printed are named.`
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> sheet.txt --passphrase'
  ]
  static override enableJsonFlag = true
  static override args = sheetArgs
  static override flags = {
    passphrase: Flags.boolean({
      description: 'Put the file under a passphrase: R2D_NEW_PASSPHRASE(_FILE), or asked for'
    })
  }

  async run(): Promise<Imported> {
    const { args, flags } = await this.parse(KeyImport)
    const home = this.home(flags)
    const store = await this.offline()
    const sheet = await readTypedSheet(args.sheet, store)
    const passphrase = flags.passphrase ? await readNewPassphrase() : undefined
    const { keyId } = await store.importKey(home, this.control(flags), { sheet, passphrase })
    this.say(`Wrote key ${keyId} to ${home.masterKeyFile}`)
    return { keyId, file: home.masterKeyFile }
  }
}
