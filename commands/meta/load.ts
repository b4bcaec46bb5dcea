import { createReadStream } from 'node:fs'
import { Args } from '@oclif/core'
import { replaceFlag } from '../../src/cli/meta-flags.ts'
import { R2dCommand } from '../../src/cli/r2d-command.ts'
import { R2dError } from '../../src/errors.ts'
import { errnoOf } from '../../src/file.ts'

export default class MetaLoad extends R2dCommand {
  static override summary = 'Make the metadata from a dump'
  static override description =
    'The daemon must not run. The new metadata is made beside, and put in its place when all of the dump is in it.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> rows.dump',
    'zcat rows.ndjson.gz | <%= config.bin %> <%= command.id %> - --replace'
  ]
  static override enableJsonFlag = true
  static override args = {
    file: Args.string({
      description: 'As r2d meta dump wrote it; - reads standard input',
      required: true
    })
  }
  static override flags = { replace: replaceFlag }

  async run(): Promise<{ rows: number; replaced?: string }> {
    const { args, flags } = await this.parse(MetaLoad)
    const { loadMetadata } = await import('../../daemon/dump-metadata.ts')
    const input = args.file === '-' ? process.stdin : createReadStream(args.file)
    try {
      const home = this.home(flags)
      const { rows, replaced } = await loadMetadata({ home, replaces: flags.replace }, input)
      this.say(`${rows} rows`)
      if (replaced !== undefined) this.say(`What was there is in ${replaced}`)
      this.say('The metadata is there. Start the daemon: r2d up')
      return { rows, ...(replaced === undefined ? {} : { replaced }) }
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error
      throw new R2dError('R2D_INVALID_CONFIG', `There is no file ${args.file}`, { cause: error })
    }
  }
}
