/**
 * What serves requests: threads, or the main thread where the engine cannot be shared; and how the rest of the daemon sees it.
 */

import type { Logger } from 'pino'
import type { Committer } from '../src/metadata/committer.ts'
import type { SegmentPlace } from '../src/storage/sealed-segments.ts'
import type { VolumeDescription } from '../src/storage/volume-set.ts'
import type { Counters } from './counters.ts'
import type { DaemonSettings } from './daemon-settings.ts'
import { Gateway } from './gateway.ts'
import type { LocalStore } from './local-store.ts'
import type { Space } from './space.ts'
import type { FaultReport, GatewaySettings, SharedParts } from './thread-messages.ts'
import { Threads } from './threads.ts'

/** Bytes that the writes of all threads may hold. */
export const writeBufferSize = 48 * 1024 * 1024

/** Bytes of small extents that the gateways of all threads keep in memory, sealed. */
export const memoryTierSize = 64 * 1024 * 1024

export interface Serving {
  /** For the work of this thread. */
  committer: Committer
  port: number
  socketPaths: string[]
  threadCount: number
  counters: () => Counters
  restartCount: () => number
  /** On return nothing uses other volumes than these. */
  setVolumes: (list: VolumeDescription[]) => Promise<void>
  /** Readers close this segment's file. */
  retire: (place: SegmentPlace) => void
  /** Whoever appends to the segment leaves it, if it has been idle for so long. */
  leaveIdle: (place: SegmentPlace, idleMs: number) => void
  stop: (timeoutMs: number) => Promise<void>
}

interface ThreadParts {
  settings: DaemonSettings
  shared: SharedParts
  space: Space
  log: Logger
  onFault: (fault: FaultReport) => void
  onStuck: (reason: string) => void
  onFatal: (error: Error) => void
}

export async function serveInThreads({
  settings,
  shared,
  space,
  log,
  onFault,
  onStuck,
  onFatal
}: ThreadParts): Promise<Serving> {
  const { threadCount } = settings
  const threads = await Threads.start(
    shared,
    Array.from({ length: threadCount }, (_, n) => gatewaySettings(settings, n, threadCount)),
    {
      onFault,
      onLog: (level, message, fields) => {
        log[level](fields, message)
      },
      onSegment: (owner, event, place) => {
        space.sealed.eventsOf(owner)[event](place)
      },
      onOwnerEnd: owner => {
        space.sealed.ownerEnded(owner)
      },
      onGatewayEnd: (thread, isSettled) => {
        space.reads.threadEnded(thread, Promise.resolve())
        space.writes.threadEnded(thread, isSettled)
      },
      onStuck,
      onFatal
    }
  )

  return {
    committer: threads.committer,
    port: threads.port,
    socketPaths: threads.socketPaths,
    threadCount,
    counters: () => threads.counters,
    restartCount: () => threads.restartCount,
    setVolumes: list => threads.setVolumes(list),
    retire: place => {
      threads.retire(place)
    },
    leaveIdle: (place, idleMs) => {
      threads.leaveIdle(place, idleMs)
    },
    stop: timeoutMs => threads.stop(timeoutMs)
  }
}

interface HereParts {
  settings: DaemonSettings
  store: LocalStore
  log: Logger
  /** Called when nothing is committed any more. */
  stopJournal: () => Promise<void>
}

export async function serveHere({
  settings,
  store,
  log,
  stopJournal
}: HereParts): Promise<Serving> {
  const own = gatewaySettings(settings, 0, 1)
  const write = (level: 'info' | 'warn' | 'error') => {
    return (message: string, fields: Record<string, unknown>): void => {
      log[level](fields, message)
    }
  }
  const [info, warn, error] = [write('info'), write('warn'), write('error')]
  const gateway = await Gateway.start(store.context, own, { info, warn, error })

  return {
    committer: store.committer,
    port: gateway.port,
    socketPaths: [own.socketPath],
    threadCount: 1,
    counters: () => gateway.counters,
    restartCount: () => 0,
    // They are the main thread's own, which are set before.
    setVolumes: () => Promise.resolve(),
    retire: place => {
      store.context.reader.retire(place)
    },
    leaveIdle: (place, idleMs) => {
      store.leaveIdle(place, idleMs)
    },
    stop: async timeoutMs => {
      await gateway.stop(timeoutMs)
      await store.close()
      await stopJournal()
    }
  }
}

function gatewaySettings(
  { host, port, domains, compat, socketPath }: DaemonSettings,
  n: number,
  threadCount: number
): GatewaySettings {
  return {
    thread: n,
    host,
    port,
    threadCount,
    socketPath: socketPath(n),
    domains,
    compat,
    writeBufferSize: Math.floor(writeBufferSize / threadCount),
    memoryTierSize: Math.floor(memoryTierSize / threadCount)
  }
}
