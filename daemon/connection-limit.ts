/**
 * How many connections a listener takes, so that the data files, the metadata engine and everything else have descriptors to open.
 *
 * Without it, connections that do nothing would take every descriptor that the process may have, and the next segment could
 * not be opened: a volume would be taken for broken.
 */

/** Of one listener, however many descriptors there are. */
const connectionCountMax = 4096

/** Even where there are hardly any: the command line has to get in. */
const connectionCountMin = 16

/** Of the descriptors, what connections may have; each thread has two listeners. */
const share = 0.5
const listenersPerThread = 2

export function connectionLimit(threadCount: number, descriptorCount = descriptorLimit()): number {
  const each = Math.floor((descriptorCount * share) / (threadCount * listenersPerThread))
  return Math.max(connectionCountMin, Math.min(connectionCountMax, each))
}

/** Descriptors that this process may have (RLIMIT_NOFILE, which Node.js has raised to the hard limit). */
export function descriptorLimit(): number {
  const { report } = process
  // It would ask the name service for every address.
  Object.assign(report, { excludeNetwork: true })
  const { userLimits } = report.getReport() as { userLimits?: { open_files?: { soft?: unknown } } }
  const limit = Number(userLimits?.open_files?.soft)
  return Number.isInteger(limit) && limit > 0 ? limit : Infinity
}
