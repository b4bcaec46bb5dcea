/**
 * Volumes as a table.
 */

import type { VolumeDocument } from '../control/volume-protocol.ts'
import { formatSize } from './quantity.ts'

export function volumeTable(volumes: readonly VolumeDocument[]): string[] {
  const rows = volumes.map(volume => [
    String(volume.number),
    volume.state,
    volume.location,
    volume.total === 0 ? '-' : `${formatSize(volume.free)} of ${formatSize(volume.total)}`,
    String(volume.faults),
    `${volume.path}${volume.reason === undefined ? '' : ` (${volume.reason})`}`
  ])
  return alignColumns([['volume', 'state', 'location', 'free', 'faults', 'path'], ...rows])
}

/** The last column is left as long as it is. */
export function alignColumns(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map(row => row[column]?.length ?? 0))
  )
  return rows.map(row =>
    row
      .map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0)))
      .join('  ')
  )
}
