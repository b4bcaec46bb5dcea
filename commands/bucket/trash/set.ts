import { Args, Flags } from '@oclif/core'
import { parseRemote } from '../../../src/cli/address.ts'
import { parseSpan } from '../../../src/cli/moment.ts'
import { formatPolicy } from '../../../src/cli/trash-policy.ts'
import { R2dCommand } from '../../../src/cli/r2d-command.ts'
import { TrashClient } from '../../../src/control/trash-client.ts'
import type { SetTrashPolicy, TrashPolicyDocument } from '../../../src/control/trash-protocol.ts'
import { R2dError } from '../../../src/errors.ts'

export default class BucketTrashSet extends R2dCommand {
  static override summary = 'Keep deleted and overwritten objects for a while, or not'
  static override description = `\
A time keeps what is deleted, overwritten or expired for so long: r2d trash ls shows it, r2d undo puts a prefix back as it was, and it counts as used space.

off keeps nothing more; what is in the trash stays for as long as it was to. shred keeps nothing, lets go of what is there at once, and promises that the keys of an object \
are destroyed with it; to keep objects again, set it to off first.`
  static override examples = [
    '<%= config.bin %> <%= command.id %> pictures --keep 7d',
    '<%= config.bin %> <%= command.id %> pictures --keep off'
  ]
  static override enableJsonFlag = true
  static override args = {
    bucket: Args.string({ description: 'Name', required: true, ignoreStdin: true })
  }
  static override flags = {
    keep: Flags.string({ description: 'A time such as 12h, 7d or 4w; off; shred', required: true })
  }

  async run(): Promise<TrashPolicyDocument> {
    const { args, flags } = await this.parse(BucketTrashSet)
    const { bucket } = parseRemote(args.bucket)
    const client = new TrashClient(this.home(flags))
    const policy = await client.setPolicy({ bucket, ...parseKeep(flags.keep) })
    this.say(`r2://${bucket}: ${formatPolicy(policy)}`)
    return policy
  }
}

function parseKeep(text: string): Omit<SetTrashPolicy, 'bucket'> {
  if (text === 'off' || text === 'shred') return { mode: text }
  const seconds = parseSpan(text)
  if (seconds !== undefined && seconds > 0) return { mode: 'keep', seconds }

  throw new R2dError('R2D_INVALID_CONFIG', `${JSON.stringify(text)} is not a time, off or shred`, {
    hint: 'Write it as 12h, 7d or 4w'
  })
}
