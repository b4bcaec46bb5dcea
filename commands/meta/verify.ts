import { Flags } from '@oclif/core'
import type { VerifyReport } from '../../daemon/verify-metadata.ts'
import { volumeFlag } from '../../src/cli/meta-flags.ts'
import { R2dCommand } from '../../src/cli/r2d-command.ts'

export default class MetaVerify extends R2dCommand {
  static override summary =
    'Read what the volumes have of the metadata, and say whether it is whole'
  static override description = `\
Every copy of every snapshot is read and authenticated, and every commit of the journal behind the newest. While no daemon runs, the metadata's own position is \
compared with the journal's, and with --deep every row with what a rebuild would make.

Exit codes: 0 all is whole; 1 something is damaged that another copy has; 8 something is whole nowhere.`
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --deep',
    '<%= config.bin %> <%= command.id %> --json'
  ]
  static override enableJsonFlag = true
  static override flags = {
    volume: volumeFlag,
    deep: Flags.boolean({ description: 'Rebuild beside the metadata, and compare every row' })
  }

  async run(): Promise<VerifyReport> {
    const { flags } = await this.parse(MetaVerify)
    const { verifyMetadata } = await import('../../daemon/verify-metadata.ts')
    const report = await verifyMetadata({
      home: this.home(flags),
      volumes: flags.volume ?? [],
      isDeep: flags.deep
    })

    for (const { number, time, rows, copies, wholeCopies } of report.snapshots) {
      this.log(
        `snapshot ${number} of ${time}: ${rows} rows, ${wholeCopies} of ${copies} copies whole`
      )
    }
    const { from, to, records, fewestCopies } = report.journal
    const copies = records === 0 ? '' : `, ${fewestCopies} copies or more of each`
    this.log(`journal: ${records} records behind commit ${from}, up to ${to}${copies}`)
    const { engine } = report
    if (engine !== undefined) {
      const compared =
        engine.rowsCompared === undefined ? '' : `, ${engine.rowsCompared} rows compared`
      this.log(`metadata: at commit ${engine.sequence}${compared}`)
    }
    for (const note of report.notes) this.log(note)
    for (const { volume, path, reason } of report.faults) {
      this.log(`damaged: volume ${volume}, ${path}: ${reason}`)
    }
    for (const problem of report.problems) this.log(`PROBLEM: ${problem}`)
    process.exitCode = report.problems.length > 0 ? 8 : report.faults.length > 0 ? 1 : 0
    return report
  }
}
