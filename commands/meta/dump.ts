import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { Flags } from '@oclif/core'
import { parseSnapshot, volumeFlag } from '../../src/cli/meta-flags.ts'
import { R2dCommand } from '../../src/cli/r2d-command.ts'

export default class MetaDump extends R2dCommand {
  static override summary = 'Write all rows of the metadata to a file or to standard output'
  static override description = `\
As lines of JSON, with every record's fields to read, or in a binary form that is smaller; r2d meta load takes either back. Keys and secrets are in it as they are \
stored, wrapped under the master key; names, sizes and metadata of objects are in the clear.

The daemon must not run, unless a snapshot is dumped.`
  static override examples = [
    '<%= config.bin %> <%= command.id %> | grep \'"kind":"bucket"\'',
    '<%= config.bin %> <%= command.id %> --snapshot newest --format binary --output rows.dump'
  ]
  static override flags = {
    format: Flags.option({
      options: ['ndjson', 'binary'] as const,
      default: 'ndjson',
      description: 'Lines of JSON, or binary'
    })(),
    output: Flags.string({
      char: 'o',
      description: 'File; standard output without it',
      default: '-'
    }),
    snapshot: Flags.string({
      description:
        'newest, or the number of a snapshot on the volumes, in place of the metadata itself'
    }),
    volume: volumeFlag
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(MetaDump)
    const { dumpMetadata } = await import('../../daemon/dump-metadata.ts')
    const isFile = flags.output !== '-'
    const stream = isFile ? createWriteStream(flags.output, { mode: 0o600 }) : process.stdout
    const write = async (piece: Buffer): Promise<void> => {
      if (!stream.write(piece)) await once(stream, 'drain')
    }
    const snapshot = flags.snapshot === undefined ? undefined : parseSnapshot(flags.snapshot)
    const { format, volume: volumes = [] } = flags
    const rows = await dumpMetadata({ home: this.home(flags), format, snapshot, volumes }, write)
    if (isFile) {
      stream.end()
      await once(stream, 'finish')
    }
    this.say(`${rows} rows`)
  }
}
