import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { Args } from '@oclif/core'
import { parseObject } from '../src/cli/address.ts'
import { R2dCommand } from '../src/cli/r2d-command.ts'

export default class Cat extends R2dCommand {
  static override summary = 'Write objects to standard output'
  static override examples = [
    '<%= config.bin %> <%= command.id %> r2://notes/today.md',
    '<%= config.bin %> <%= command.id %> notes/a.txt notes/b.txt | wc -l'
  ]
  static override aliases = ['bucket:cat', 'object:cat']
  static override strict = false
  static override args = {
    object: Args.string({ description: 'Objects, one behind the other', required: true })
  }

  async run(): Promise<void> {
    const { argv, flags } = await this.parse(Cat)
    const client = await this.objects(flags)
    try {
      for (const address of argv) {
        const { bucket, key } = parseObject(String(address))
        const { body } = await client.get(bucket, key)
        await pipeline(Readable.from(body), process.stdout, { end: false })
      }
    } finally {
      client.close()
    }
  }
}
