/**
 * The committer thread: the one place that decides the order of commits.
 *
 * A thread of its own, because the engine's batch write blocks while the WAL syncs: what arrives meanwhile is the next
 * group. It also appends the small extents of all threads, so that one fdatasync a volume serves them all.
 */

import { parentPort, workerData } from 'node:worker_threads'
import { LocalCommitter } from '../src/metadata/committer.ts'
import { ConfigurationEpoch } from '../src/metadata/configuration-epoch.ts'
import { serveCommitter } from '../src/metadata/committer-port.ts'
import { GroupCommitter } from '../src/metadata/group-committer.ts'
import { MetadataSpace } from '../src/metadata/metadata-space.ts'
import { ObjectSequences } from '../src/metadata/object-sequences.ts'
import { ExtentWriter } from '../src/storage/extent-writer.ts'
import { collectWhenIdle } from './idle-collection.ts'
import { openJournaled } from './journal.ts'
import { noticeFull } from './notice-full.ts'
import { openEngine, openVolumes, receiveVolumes, segmentsTold } from './parts.ts'
import type { FromWorker, SharedParts, ToWorker, VolumesMessage } from './thread-messages.ts'

const parent = parentPort
if (parent === null) throw new TypeError('The committer runs in a worker thread')

const parts = workerData as SharedParts
const tell = (message: FromWorker): void => {
  parent.postMessage(message)
}

const engine = noticeFull(await openEngine(parts.metadata), reason => {
  tell({ kind: 'stuck', reason })
})
const space = new MetadataSpace(parts.metadata.path, parts.metadataReserve)
const volumes = await openVolumes(parts, fault => {
  tell({ kind: 'fault', fault })
})
const epoch = new ConfigurationEpoch(parts.epoch)
const sequences = new ObjectSequences(parts.objectSequences)
// One before may have died in a commit, and what the journal has is written without being counted.
sequences.suspend()
const journaled = parts.hasJournal
  ? await openJournaled(engine, volumes, parts, {
      fault: fault => {
        tell({ kind: 'fault', fault })
      },
      rolledForward: commits => {
        const message = 'the metadata took up what the journal had'
        tell({ kind: 'log', level: 'warn', message, fields: { commits } })
      }
    })
  : undefined
// One before may have died between a commit and counting it.
epoch.advance()
sequences.renew()
const group = new GroupCommitter(journaled ?? engine, sequences)
const writer = new ExtentWriter({ volumes, segments: segmentsTold(tell) })
const committer = new LocalCommitter(group, writer, epoch, {
  requireRoom: () => {
    space.requireRoom()
  }
})

parent.on('message', (message: ToWorker) => {
  switch (message.kind) {
    case 'committer':
      serveCommitter(message.port, committer, () => {
        tell({ kind: 'disconnected', connection: message.connection })
      })
      break
    case 'leave-idle':
      void writer.leaveIdle(message.place, message.idleMs)
      break
    case 'retire':
      // It reads nothing.
      break
    case 'volumes':
      void setVolumes(message)
      break
    case 'stop':
      void stop()
      break
  }
})
collectWhenIdle()
tell({ kind: 'ready', port: 0 })

async function setVolumes({ id, volumes: list }: VolumesMessage): Promise<void> {
  await volumes.update(receiveVolumes(list))
  tell({ kind: 'volumes', id })
}

/** The gateways have ended by now: nothing new arrives. */
async function stop(): Promise<void> {
  await group.close()
  await writer.close()
  await journaled?.leave()
  await engine[Symbol.asyncDispose]()
  tell({ kind: 'stopped' })
  process.exit(0)
}
