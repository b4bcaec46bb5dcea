import { writeFile } from 'node:fs/promises'
import { Flags } from '@oclif/core'
import { KeyCommand } from '../../src/cli/key-command.ts'
import { R2dError } from '../../src/errors.ts'
import { errnoOf } from '../../src/file.ts'

interface Exported {
  storeId: string
  keyId: string
  sheet?: string
  file?: string
}

export default class KeyExport extends KeyCommand {
  static override summary = 'Print a recovery sheet: the master key on paper'
  static override description = `\
The sheet holds the master key in 14 groups of characters, each with a check of its own. Whoever has it and the store can read everything: print it, keep it \
where the store is not, and delete what is left of it on disks. r2d key verify tells whether a sheet is still good, r2d key import takes it back.

The key is read here, from where the daemon has it: the key file, R2D_MASTER_KEY or the command. It is asked of nobody over a socket.`
  static override examples = [
    '<%= config.bin %> <%= command.id %> | lp',
    '<%= config.bin %> <%= command.id %> --output /media/usb/r2d-recovery.txt'
  ]
  static override enableJsonFlag = true
  static override flags = {
    output: Flags.string({ char: 'o', description: 'New file to write, for its owner alone' })
  }

  async run(): Promise<Exported> {
    const { flags } = await this.parse(KeyExport)
    const home = this.home(flags)
    const store = await this.offline()
    const variables = await this.keyVariables(home, store)
    const { sheet, ...names } = await store.exportKey(home, this.control(flags), variables)
    if (flags.output === undefined) {
      this.log(sheet)
      return { ...names, sheet }
    }

    await writeNew(flags.output, sheet)
    this.say(`Wrote the recovery sheet of key ${names.keyId} to ${flags.output}`)
    return { ...names, file: flags.output }
  }
}

async function writeNew(path: string, content: string): Promise<void> {
  try {
    await writeFile(path, content, { mode: 0o600, flag: 'wx', flush: true })
  } catch (error) {
    const reason = errnoOf(error) === 'EEXIST' ? 'is there already' : 'cannot be written'
    throw new R2dError('R2D_INVALID_CONFIG', `${path} ${reason}`, { cause: error })
  }
}
