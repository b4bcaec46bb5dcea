import { Args } from '@oclif/core'
import { R2dCommand } from '../../src/cli/r2d-command.ts'
import { replicaFlags } from '../../src/cli/replica-flags.ts'
import type { LocationStatus } from '../../src/control/volume-protocol.ts'

export default class LocationSet extends R2dCommand {
  static override summary = 'Set how many replicas a location keeps, or make a new one'
  static override description =
    'Holds for what is there as well: what has fewer replicas gets those that it lacks. A write is acknowledged once it ' +
    'is on as many volumes as the minimum says. A bucket is put into a location by naming that as its location hint.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> local --replicas 3',
    '<%= config.bin %> <%= command.id %> local --replicas 3 --minimum 2',
    '<%= config.bin %> <%= command.id %> weur --replicas 2'
  ]
  static override enableJsonFlag = true
  static override args = { location: Args.string({ description: 'Name', required: true }) }
  static override flags = replicaFlags

  async run(): Promise<LocationStatus[]> {
    const { args, flags } = await this.parse(LocationSet)
    const { replicas: replicaCount, minimum: replicaCountMin = replicaCount } = flags
    const policy = { name: args.location, replicaCount, replicaCountMin }
    const locations = await this.volumes(flags).setLocation(policy)
    this.log(
      `Location ${args.location} keeps ${replicaCount} replicas, at least ${replicaCountMin}`
    )
    return locations
  }
}
