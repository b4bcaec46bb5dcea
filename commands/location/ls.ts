import { R2dCommand } from '../../src/cli/r2d-command.ts'
import { alignColumns } from '../../src/cli/volume-table.ts'
import type { LocationStatus } from '../../src/control/volume-protocol.ts'

export default class LocationLs extends R2dCommand {
  static override summary = 'List the locations, and how many replicas each keeps'
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --json'
  ]
  static override enableJsonFlag = true

  async run(): Promise<LocationStatus[]> {
    const { flags } = await this.parse(LocationLs)
    const locations = await this.volumes(flags).locations()
    const rows = locations.map(({ name, replicaCount, replicaCountMin }) => [
      name,
      String(replicaCount),
      String(replicaCountMin)
    ])
    for (const line of alignColumns([['location', 'replicas', 'minimum'], ...rows])) this.log(line)
    return locations
  }
}
