import { formatSeconds, formatSize } from '../../src/cli/quantity.ts'
import { scrubLine } from '../../src/cli/scrub-line.ts'
import { R2dCommand } from '../../src/cli/r2d-command.ts'
import type { RepairStatus, Status } from '../../src/control/protocol.ts'

export default class DaemonStatus extends R2dCommand {
  static override summary = 'Show the daemon, its volumes, and what went wrong on them'
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --json'
  ]
  static override aliases = ['status']
  static override enableJsonFlag = true

  async run(): Promise<Status> {
    const { flags } = await this.parse(DaemonStatus)
    const status = await this.control(flags).status()
    const { counters } = status
    const uptime = (Date.now() - Date.parse(status.started)) / 1000
    const lines = [
      ['r2d', `${status.version}, pid ${status.pid}, up ${formatSeconds(uptime)}`],
      ['endpoint', status.endpoint],
      ['home', status.home],
      [
        'metadata',
        `${status.engine}, ${formatSize(status.metadataDisk.free)} of ${formatSize(status.metadataDisk.total)} free` +
          (status.metadataDisk.isShort ? ': writes are refused' : '')
      ],
      ['journal', describeJournal(status.journal)],
      ['threads', `${status.threads} gateways, ${status.threadsReplaced} replaced`],
      [
        'requests',
        `${counters.requests}, ${counters.active} now, ${counters.failures} failed; ` +
          `${formatSize(counters.received)} in, ${formatSize(counters.sent)} out`
      ],
      ['cache', `${counters.cacheHits} hits, ${counters.cacheMisses} misses`],
      ['repair', describeRepair(status.repair)],
      ['scrub', scrubLine(status.scrub)],
      ...status.locations.map(({ name, replicaCount, replicaCountMin }) => [
        'location',
        `${name}, ${replicaCount} replicas, at least ${replicaCountMin}`
      ]),
      ...status.volumes.map(volume => [
        `volume ${volume.number}`,
        `${volume.state}, ${formatSize(volume.free)} of ${formatSize(volume.total)} free, ` +
          `${formatSize(volume.used)} in segments, ${formatSize(volume.dead)} of it dead, ${volume.faults} faults, ${volume.path}${volume.reason === undefined ? '' : ` (${volume.reason})`}`
      ]),
      ['compaction', compactionOf(status)],
      ...status.faults
        .slice(-5)
        .map(({ time, kind, volume, reason }) => [
          'fault',
          `${time} ${kind} on volume ${volume}: ${reason}`
        ])
    ]
    for (const [name = '', value = ''] of lines) this.log(`${name.padEnd(11)}${value}`)
    return status
  }
}

function describeRepair(repair: RepairStatus): string {
  const { extents, bytes, lost, rate, secondsLeft, repairedExtents } = repair
  const repaired = `${repairedExtents} repaired since the start`
  if (extents === 0) return `every extent is whole, ${repaired}`

  const when = secondsLeft === undefined ? 'waiting' : `whole in ${formatSeconds(secondsLeft)}`
  const missing = `${extents} extents lack ${formatSize(bytes)}, ${formatSize(rate)}/s, ${when}`
  return `${missing}; ${lost} cannot be read anywhere; ${repaired}`
}

function describeJournal({ isOn, snapshots: { newest, failed } }: Status['journal']): string {
  const state = isOn ? 'every commit' : 'off'
  const snapshot =
    newest === undefined
      ? 'no snapshot'
      : `snapshot of ${newest.time}, ${newest.rows} rows, on volumes ${newest.copies.map(({ volume }) => volume).join(', ')}`

  return `${state}; ${snapshot}${failed === undefined ? '' : ` (the last one failed: ${failed.message})`}`
}

function compactionOf({ compaction: { segments, moved, held, last } }: Status): string {
  const text = `${segments} segments removed, ${formatSize(moved)} moved`
  const lastText =
    last === undefined
      ? ''
      : `; last ${last.time}, ${formatSize(last.reclaimed)} of volume ${last.volume} came back`
  return `${text}${held === 0 ? '' : `, ${held} wait for repair`}${lastText}`
}
