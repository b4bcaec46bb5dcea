/**
 * Placement: which volumes take the next replicas of an extent.
 *
 * By chance, weighted by free space, so that volumes fill evenly whatever their size; never two on one volume, and
 * never two in one failure domain while another domain has a volume to offer.
 */

import type { Volume } from './volume-set.ts'

export function place(
  volumes: readonly Volume[],
  count: number,
  taken: readonly Volume[],
  random: () => number
): Volume[] {
  const chosen: Volume[] = []
  while (chosen.length < count) {
    const used = [...taken, ...chosen]
    const candidates = volumes.filter(volume => volume.state === 'active' && !used.includes(volume))
    const usedDomains = new Set(used.map(volume => volume.domain))
    const apart = candidates.filter(volume => !usedDomains.has(volume.domain))

    const next = pick(apart.length > 0 ? apart : candidates, random)
    if (next === undefined) return chosen
    chosen.push(next)
  }

  return chosen
}

function pick(volumes: readonly Volume[], random: () => number): Volume | undefined {
  const total = volumes.reduce((sum, volume) => sum + volume.free, 0)
  let left = random() * total
  for (const volume of volumes) {
    left -= volume.free
    if (left < 0) return volume
  }

  return volumes.at(-1)
}
