import { parseRemote } from '../../src/cli/address.ts'
import { placeArgs } from '../../src/cli/place-args.ts'
import { R2dCommand } from '../../src/cli/r2d-command.ts'
import { TrashClient } from '../../src/control/trash-client.ts'
import type { TrashEntry } from '../../src/control/trash-protocol.ts'

export default class TrashLs extends R2dCommand {
  static override summary = 'List what a bucket keeps of deleted and overwritten objects'
  static override description =
    'In the order in which they came in. The id in front names one of several versions of a key to r2d trash restore.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> pictures',
    '<%= config.bin %> <%= command.id %> r2://pictures/2026/ --json'
  ]
  static override enableJsonFlag = true
  static override args = placeArgs

  async run(): Promise<TrashEntry[]> {
    const { args, flags } = await this.parse(TrashLs)
    const { bucket, key: prefix } = parseRemote(args.address)
    const all: TrashEntry[] = []
    for await (const objects of new TrashClient(this.home(flags)).list({ bucket, prefix })) {
      if (this.jsonEnabled()) all.push(...objects)
      for (const { id, key, size, cause, removed } of objects)
        this.log(`${id}  ${removed}  ${cause.padEnd(8)}  ${String(size).padStart(12)}  ${key}`)
    }
    return all
  }
}
