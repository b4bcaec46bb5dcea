import { setTimeout as delay } from 'node:timers/promises'
import { formatSize } from '../../src/cli/quantity.ts'
import { R2dCommand } from '../../src/cli/r2d-command.ts'
import type { SnapshotDocument } from '../../src/control/protocol.ts'
import { R2dError, type ErrorCode } from '../../src/errors.ts'

const pollMs = 100

export default class MetaSnapshot extends R2dCommand {
  static override summary = 'Write a snapshot of all metadata to the volumes, now'
  static override description =
    'The daemon makes one every metadata.snapshot_interval seconds by itself. What it makes superfluous is removed: ' +
    'older snapshots but one, and journal files.'
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --json'
  ]
  static override enableJsonFlag = true

  async run(): Promise<SnapshotDocument> {
    const { flags } = await this.parse(MetaSnapshot)
    const control = this.control(flags)
    const request = await control.requestSnapshot()
    for (;;) {
      const { done, failed, newest } = await control.snapshots()
      if (done >= request && newest !== undefined) {
        const volumes = newest.copies.map(({ volume }) => volume).join(', ')
        this.log(
          `Snapshot ${newest.number}: ${newest.rows} rows, ${formatSize(newest.bytes)}, on volumes ${volumes}`
        )
        return newest
      }
      if (failed !== undefined && failed.request >= request) {
        throw new R2dError(failed.code as ErrorCode, failed.message)
      }
      await delay(pollMs)
    }
  }
}
