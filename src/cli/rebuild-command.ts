/**
 * What `r2d meta rebuild` and `r2d meta restore` share.
 */

import type { RebuildReport } from '../../daemon/rebuild-metadata.ts'
import { R2dCommand } from './r2d-command.ts'

export abstract class RebuildCommand extends R2dCommand {
  protected async rebuild(flags: {
    home?: string | undefined
    volume: string[] | undefined
    replace: boolean
    partial: boolean
    snapshot?: number
  }): Promise<RebuildReport> {
    const { volume: volumes = [], replace: replaces, partial: acceptsLoss, snapshot } = flags
    // Everything that a store is made of: loaded here, so that no other command waits for it.
    const { rebuildMetadata } = await import('../../daemon/rebuild-metadata.ts')
    const report = await rebuildMetadata({
      home: this.home(flags),
      volumes,
      replaces,
      acceptsLoss,
      ...(snapshot === undefined ? {} : { snapshot }),
      onProgress: message => {
        this.say(message)
      }
    })

    const { number, time, rows } = report.snapshot
    this.say(
      `Took snapshot ${number} of ${time}, ${rows} rows, and ${report.commits} commits behind it`
    )
    for (const { volume, path, reason } of report.faults) {
      this.say(`Volume ${volume}, ${path}: ${reason}`)
    }
    for (const each of report.missing) this.say(`Volume ${each.number} is not at ${each.path}`)
    for (const loss of report.losses) this.say(`Missing: ${loss}`)
    if (report.replaced !== undefined) this.say(`What was there is in ${report.replaced}`)
    this.say('The metadata is there. Start the daemon: r2d up')
    if (report.losses.length > 0) process.exitCode = 1
    return report
  }
}
