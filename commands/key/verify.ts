import { KeyCommand } from '../../src/cli/key-command.ts'
import { readTypedSheet, sheetArgs } from '../../src/cli/sheet-input.ts'

interface Verified {
  keyId: string
  storeId?: string
}

export default class KeyVerify extends KeyCommand {
  static override summary = 'See whether a recovery sheet is right, and of this store'
  static override description =
    'At a terminal the groups are asked for one by one, and each is checked at once. Groups that are not as they were printed are named.'
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> sheet.txt'
  ]
  static override enableJsonFlag = true
  static override args = sheetArgs

  async run(): Promise<Verified> {
    const { args, flags } = await this.parse(KeyVerify)
    const store = await this.offline()
    const sheet = await readTypedSheet(args.sheet, store)
    const { keyId, storeId } = await store.verifySheet(this.home(flags), this.control(flags), sheet)
    this.say(
      storeId === undefined
        ? `The sheet reads right, and is of key ${keyId}; there is no store here to compare it with`
        : `The sheet is right: it has the key of this store, ${keyId}`
    )
    return { keyId, ...(storeId === undefined ? {} : { storeId }) }
  }
}
