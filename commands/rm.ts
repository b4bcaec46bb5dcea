import { Args, Flags } from '@oclif/core'
import { formatRemote, parseObject, parseRemote } from '../src/cli/address.ts'
import { isConfirmed, yesFlag } from '../src/cli/confirm.ts'
import { formatSize } from '../src/cli/quantity.ts'
import { R2dCommand } from '../src/cli/r2d-command.ts'
import type { ObjectClient } from '../src/control/object-client.ts'
import { pageCountMax } from '../src/limits.ts'

interface Removed {
  deleted: number
  bytes: number
}

export default class Rm extends R2dCommand {
  static override summary = 'Delete objects'
  static override examples = [
    '<%= config.bin %> <%= command.id %> r2://pictures/a.jpg',
    '<%= config.bin %> <%= command.id %> --recursive --dry-run r2://pictures/2025/',
    '<%= config.bin %> <%= command.id %> --recursive --yes r2://pictures/2025/'
  ]
  static override aliases = ['object:rm']
  static override enableJsonFlag = true
  static override args = {
    address: Args.string({ description: 'Object; with --recursive, a prefix', required: true })
  }
  static override flags = {
    recursive: Flags.boolean({ char: 'r', description: 'Everything under the prefix' }),
    'dry-run': Flags.boolean({ char: 'n', description: 'Only say what would be deleted' }),
    yes: yesFlag
  }

  async run(): Promise<Removed> {
    const { args, flags } = await this.parse(Rm)
    const client = await this.objects(flags)
    try {
      if (flags.recursive) {
        return await this.removeAll(client, args.address, {
          isDry: flags['dry-run'],
          isAsked: !flags.yes
        })
      }

      const { bucket, key } = parseObject(args.address)
      const { size } = await client.head(bucket, key)
      if (!flags['dry-run']) await client.delete(bucket, [key])
      this.say(`${flags['dry-run'] ? 'Would delete' : 'Deleted'} ${formatRemote({ bucket, key })}`)
      return { deleted: flags['dry-run'] ? 0 : 1, bytes: size }
    } finally {
      client.close()
    }
  }

  private async removeAll(
    client: ObjectClient,
    address: string,
    { isDry, isAsked }: { isDry: boolean; isAsked: boolean }
  ): Promise<Removed> {
    const { bucket, key: prefix } = parseRemote(address)
    const keys: string[] = []
    let bytes = 0
    for await (const { objects } of client.list(bucket, { prefix, delimiter: '' })) {
      for (const { key, size } of objects) {
        keys.push(key)
        bytes += size
        if (isDry) this.log(formatRemote({ bucket, key }))
      }
    }
    const what = `${keys.length} objects, ${formatSize(bytes)}, under ${formatRemote({ bucket, key: prefix })}`
    if (isDry) {
      this.say(`Would delete ${what}`)
      return { deleted: 0, bytes }
    }

    if (isAsked && keys.length > 0 && !(await isConfirmed(`Delete ${what}?`))) this.exit(1)
    for (let first = 0; first < keys.length; first += pageCountMax) {
      await client.delete(bucket, keys.slice(first, first + pageCountMax))
    }
    this.say(`Deleted ${what}`)
    return { deleted: keys.length, bytes }
  }
}
