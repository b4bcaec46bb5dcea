/**
 * A gateway thread: serves requests, reads metadata through the shared handle, asks the committer for writes.
 */

import { parentPort, workerData } from 'node:worker_threads'
import { PortCommitter } from '../src/metadata/committer-port.ts'
import { MetadataSpace } from '../src/metadata/metadata-space.ts'
import type { StoreContext } from '../src/objects/context.ts'
import { Gateway } from './gateway.ts'
import type { VolumeSet } from '../src/storage/volume-set.ts'
import { collectWhenIdle } from './idle-collection.ts'
import { buildContext, openEngine, openVolumes, receiveVolumes, segmentsTold } from './parts.ts'
import type {
  FaultReport,
  FromWorker,
  GatewaySettings,
  SharedParts,
  ToWorker,
  VolumesMessage
} from './thread-messages.ts'

/** How often the counters go to the main thread, milliseconds. */
const countersIntervalMs = 500

const parent = parentPort
if (parent === null) throw new TypeError('A gateway thread is a worker thread')

const { parts, settings } = workerData as { parts: SharedParts; settings: GatewaySettings }
const tell = (message: FromWorker): void => {
  parent.postMessage(message)
}
const report = (fault: FaultReport): void => {
  tell({ kind: 'fault', fault })
}
const log = (level: 'info' | 'warn' | 'error') => {
  return (message: string, fields: Record<string, unknown> = {}): void => {
    tell({ kind: 'log', level, message, fields })
  }
}

const committer = new PortCommitter()
/** Messages may come before the volumes are there. */
const opened = Promise.withResolvers<VolumeSet>()
/** From when the thread can be told of segments. */
const working: { context?: StoreContext } = {}
parent.on('message', (message: ToWorker) => {
  switch (message.kind) {
    case 'committer':
      committer.connect(message.port)
      break
    case 'volumes':
      void setVolumes(message)
      break
    case 'retire':
      working.context?.reader.retire(message.place)
      break
    case 'leave-idle':
      void working.context?.writer.leaveIdle(message.place, message.idleMs)
      break
    case 'stop':
      void stop(message.timeoutMs)
      break
  }
})

const metadata = await openEngine(parts.metadata)
const volumes = await openVolumes(parts, report)
opened.resolve(volumes)
const { thread, writeBufferSize, memoryTierSize } = settings
const space = new MetadataSpace(parts.metadata.path, parts.metadataReserve)
const context = buildContext(parts, {
  requireRoom: () => {
    space.requireRoom()
  },
  metadata,
  committer,
  volumes,
  report,
  thread,
  segments: segmentsTold(tell),
  writeBufferSize,
  memoryTierSize
})
working.context = context
const gateway = await Gateway.start(context, settings, {
  info: log('info'),
  warn: log('warn'),
  error: log('error')
})
const interval = setInterval(() => {
  tell({ kind: 'counters', counters: gateway.counters })
}, countersIntervalMs)
collectWhenIdle()
tell({ kind: 'ready', port: gateway.port })

async function setVolumes({ id, volumes: list }: VolumesMessage): Promise<void> {
  const set = await opened.promise
  await set.update(receiveVolumes(list))
  tell({ kind: 'volumes', id })
}

async function stop(timeoutMs: number): Promise<void> {
  clearInterval(interval)
  await gateway.stop(timeoutMs)
  tell({ kind: 'counters', counters: gateway.counters })
  await context.writer.close()
  await context.reader.close()
  await context.hashers.close()
  await metadata[Symbol.asyncDispose]()
  tell({ kind: 'stopped' })
  process.exit(0)
}
