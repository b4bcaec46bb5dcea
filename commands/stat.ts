import { Args } from '@oclif/core'
import { parseObject } from '../src/cli/address.ts'
import { R2dCommand } from '../src/cli/r2d-command.ts'
import type { ObjectDetail } from '../src/control/object-client.ts'

export default class Stat extends R2dCommand {
  static override summary = 'Show what is known of an object'
  static override examples = [
    '<%= config.bin %> <%= command.id %> r2://pictures/a.jpg',
    '<%= config.bin %> <%= command.id %> pictures/a.jpg --json'
  ]
  static override aliases = ['bucket:stat', 'object:stat', 'object:head']
  static override enableJsonFlag = true
  static override args = { object: Args.string({ description: 'Object', required: true }) }

  async run(): Promise<ObjectDetail & { bucket: string; key: string }> {
    const { args, flags } = await this.parse(Stat)
    const client = await this.objects(flags)
    try {
      const address = parseObject(args.object)
      const detail = await client.head(address.bucket, address.key)
      const { size, etag, modified, contentType, headers, metadata } = detail
      const lines = [
        ['bucket', address.bucket],
        ['key', address.key],
        ['size', String(size)],
        ['etag', etag],
        ['modified', modified],
        ['content-type', contentType],
        ...Object.entries(headers).map(([name, value]) => [name.replace('x-amz-', ''), value]),
        ...Object.entries(metadata).map(([name, value]) => [`meta ${name}`, value])
      ]
      const width = Math.max(...lines.map(([name = '']) => name.length)) + 2
      for (const [name = '', value = ''] of lines) this.log(`${name.padEnd(width)}${value}`)
      return { ...address, ...detail }
    } finally {
      client.close()
    }
  }
}
