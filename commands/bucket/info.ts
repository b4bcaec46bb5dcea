import { Args } from '@oclif/core'
import { parseRemote } from '../../src/cli/address.ts'
import { formatSize } from '../../src/cli/quantity.ts'
import { R2dCommand } from '../../src/cli/r2d-command.ts'
import { TrashClient } from '../../src/control/trash-client.ts'
import { R2dError } from '../../src/errors.ts'

interface Info {
  name: string
  created: string
  location: string
  objects: number
  bytes: number
  /** Kept of what was deleted. */
  trash: { objects: number; bytes: number }
}

export default class BucketInfo extends R2dCommand {
  static override summary = 'Show a bucket, and count what is in it'
  static override examples = [
    '<%= config.bin %> <%= command.id %> pictures',
    '<%= config.bin %> <%= command.id %> pictures --json'
  ]
  static override enableJsonFlag = true
  static override args = { bucket: Args.string({ description: 'Name', required: true }) }

  async run(): Promise<Info> {
    const { args, flags } = await this.parse(BucketInfo)
    const client = await this.objects(flags)
    try {
      const { bucket: name } = parseRemote(args.bucket)
      const location = await client.bucketLocation(name)
      const found = (await client.listBuckets()).find(bucket => bucket.name === name)
      if (found === undefined) {
        throw new R2dError('R2D_NO_SUCH_BUCKET', `There is no bucket ${name}`)
      }
      const { objects: kept, bytes: keptBytes } = await new TrashClient(this.home(flags)).policy(
        name
      )
      const trash = { objects: kept, bytes: keptBytes }
      const info: Info = { name, created: found.created, location, objects: 0, bytes: 0, trash }
      for await (const { objects } of client.list(name, { prefix: '', delimiter: '' })) {
        info.objects += objects.length
        info.bytes += objects.reduce((sum, { size }) => sum + size, 0)
      }

      this.log(`name        ${info.name}`)
      this.log(`created     ${info.created}`)
      this.log(`location    ${info.location}`)
      this.log(`objects     ${info.objects}`)
      this.log(`size        ${formatSize(info.bytes)} (${info.bytes} bytes)`)
      if (kept > 0)
        this.log(`trash       ${kept} objects, ${formatSize(keptBytes)} (${keptBytes} bytes)`)
      return info
    } finally {
      client.close()
    }
  }
}
