import { Args, Flags } from '@oclif/core'
import { parseRemote } from '../src/cli/address.ts'
import { formatSize } from '../src/cli/quantity.ts'
import { R2dCommand } from '../src/cli/r2d-command.ts'
import type { BucketEntry, ListPage, ObjectClient } from '../src/control/object-client.ts'

export default class Ls extends R2dCommand {
  static override summary = 'List buckets, or what is in one'
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> r2://pictures/2026/',
    '<%= config.bin %> <%= command.id %> --recursive --human-readable pictures',
    '<%= config.bin %> <%= command.id %> pictures --json'
  ]
  static override aliases = ['object:ls']
  static override enableJsonFlag = true
  static override args = {
    address: Args.string({ description: 'Bucket, or bucket and prefix' })
  }
  static override flags = {
    recursive: Flags.boolean({ char: 'r', description: 'Everything under the prefix' }),
    'human-readable': Flags.boolean({ char: 'h', description: 'Sizes as 1.5 MiB' })
  }

  async run(): Promise<unknown> {
    const { args, flags } = await this.parse(Ls)
    const client = await this.objects(flags)
    try {
      if (args.address === undefined) return await this.listBuckets(client)

      return await this.listObjects(client, args.address, {
        isRecursive: flags.recursive,
        isReadable: flags['human-readable']
      })
    } finally {
      client.close()
    }
  }

  private async listBuckets(client: ObjectClient): Promise<BucketEntry[]> {
    const buckets = await client.listBuckets()
    for (const { name, created } of buckets) this.log(`${created}  ${name}`)
    return buckets
  }

  private async listObjects(
    client: ObjectClient,
    address: string,
    { isRecursive, isReadable }: { isRecursive: boolean; isReadable: boolean }
  ): Promise<ListPage> {
    const { bucket, key: prefix } = parseRemote(address)
    const all: ListPage = { objects: [], prefixes: [] }
    const delimiter = isRecursive ? '' : '/'
    for await (const page of client.list(bucket, { prefix, delimiter })) {
      if (this.jsonEnabled()) {
        all.objects.push(...page.objects)
        all.prefixes.push(...page.prefixes)
        continue
      }
      for (const name of page.prefixes) this.log(`${' '.repeat(38)}  ${name}`)
      for (const { key, size, modified } of page.objects) {
        const shown = isReadable ? formatSize(size) : String(size)
        this.log(`${modified}  ${shown.padStart(12)}  ${key}`)
      }
    }
    return all
  }
}
