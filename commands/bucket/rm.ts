import { Args } from '@oclif/core'
import { parseRemote } from '../../src/cli/address.ts'
import { R2dCommand } from '../../src/cli/r2d-command.ts'
import { TrashClient } from '../../src/control/trash-client.ts'
import { R2dError } from '../../src/errors.ts'

export default class BucketRm extends R2dCommand {
  static override summary = 'Delete an empty bucket'
  static override examples = ['<%= config.bin %> <%= command.id %> pictures']
  static override aliases = ['bucket:delete']
  static override enableJsonFlag = true
  static override args = { bucket: Args.string({ description: 'Name', required: true }) }

  async run(): Promise<{ name: string }> {
    const { args, flags } = await this.parse(BucketRm)
    const client = await this.objects(flags)
    try {
      const { bucket: name, key } = parseRemote(args.bucket)
      if (key !== '') {
        throw new R2dError('R2D_INVALID_CONFIG', `${args.bucket} is not a bucket`, {
          hint: `To delete objects: r2d rm ${args.bucket}`
        })
      }
      await client.deleteBucket(name).catch(async (error: unknown) => {
        throw await this.explain(name, flags, error)
      })
      this.say(`Deleted r2://${name}`)
      return { name }
    } finally {
      client.close()
    }
  }

  /** A bucket may have no objects and still keep some that were deleted. */
  private async explain(
    name: string,
    flags: { home?: string | undefined },
    error: unknown
  ): Promise<unknown> {
    if (!(error instanceof R2dError && error.code === 'R2D_BUCKET_NOT_EMPTY')) return error
    const { objects } = await new TrashClient(this.home(flags)).policy(name)
    if (objects === 0) return error
    return new R2dError(
      error.code,
      `${error.message}; it keeps ${objects} objects that were deleted`,
      { hint: `Delete what is in it, then let go of those: r2d trash empty ${name}` }
    )
  }
}
