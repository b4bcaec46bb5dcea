/**
 * What extent rows name on a volume: counted by a scan of all of them.
 *
 * Once the volume's row says `leaving`, no row comes to name the volume any more, so that a scan that began after that and
 * counted nothing is a proof that nothing is there that anybody refers to.
 */

import type { Engine } from '../metadata/engine.ts'
import { extentPages } from './extent-pages.ts'

export interface VolumeContents {
  /** Extents with a replica on the volume. */
  extents: number
  /** Of plaintext. */
  bytes: number
  /** Of the extents: those that no other usable volume has a replica of. */
  extentsOnlyHere: number
}

/** `isUsable`: whether a replica on the volume of this number can be counted on. */
export async function readVolumeContents(
  metadata: Pick<Engine, 'scan'>,
  volume: number,
  isUsable: (volume: number) => boolean,
  signal: AbortSignal
): Promise<VolumeContents> {
  const contents = { extents: 0, bytes: 0, extentsOnlyHere: 0 }
  for await (const page of extentPages(metadata, signal)) {
    for (const { record } of page) {
      if (!record.replicas.some(replica => replica.volume === volume)) continue

      contents.extents++
      contents.bytes += record.size
      const others = record.replicas.filter(replica => replica.volume !== volume)
      if (!others.some(other => isUsable(other.volume))) contents.extentsOnlyHere++
    }
  }
  return contents
}
