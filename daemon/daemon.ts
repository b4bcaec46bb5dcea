/**
 * The daemon: starts the parts in order and stops them in reverse.
 *
 *     engine (the lock) -> store, keys -> volumes -> threads -> first access key -> control socket
 */

import { existsSync, mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Logger } from 'pino'
import { R2dError } from '../src/errors.ts'
import { LocalCommitter, type Committer } from '../src/metadata/committer.ts'
import { ConfigurationEpoch } from '../src/metadata/configuration-epoch.ts'
import type { Engine } from '../src/metadata/engine.ts'
import { GroupCommitter } from '../src/metadata/group-committer.ts'
import { ObjectSequences } from '../src/metadata/object-sequences.ts'
import { createCredential, CredentialCatalog } from '../src/objects/credential-catalog.ts'
import { createObjectStore } from '../src/objects/object-store.ts'
import type { TrashContext } from '../src/objects/trash.ts'
import { ExtentWriter } from '../src/storage/extent-writer.ts'
import type { SegmentEvents } from '../src/storage/sealed-segments.ts'
import type { VolumeDescription, VolumeSet } from '../src/storage/volume-set.ts'
import { FaultLog } from './fault-log.ts'
import { requireFreePort } from './free-port.ts'
import { Gateway } from './gateway.ts'
import { Integrity } from './integrity.ts'
import { lifecycleRounds } from './lifecycle-rounds.ts'
import type { BackgroundWork, BackgroundWorker } from './background-worker.ts'
import { Maintenance } from './maintenance.ts'
import { MasterKeys } from './master-keys.ts'
import { journalWrappings, takeUpJournal } from './journal.ts'
import { MetadataDisk } from './metadata-disk.ts'
import { noticeFull } from './notice-full.ts'
import { openStore, readVolumes, requireNoVolumes, type OpenedStore } from './open-store.ts'
import { buildContext, openEngine, openVolumes, toReport } from './parts.ts'
import type { FaultReport, GatewaySettings, SharedParts } from './thread-messages.ts'
import type { DaemonSettings } from './daemon-settings.ts'
import type { Serving } from './serving.ts'
import { ReplicaPolicies } from './replica-policies.ts'
import { Snapshots } from './snapshots.ts'
import { syncNames } from './sync-names.ts'
import { mainOwner, Space } from './space.ts'
import { Threads } from './threads.ts'
import { trashRounds } from './trash-rounds.ts'
import { VolumeAdministration } from './volume-administration.ts'
import { VolumeList } from './volume-list.ts'
import { VolumeWatch } from './volume-watch.ts'

/** Bytes that the writes of all threads may hold. */
const writeBufferSize = 48 * 1024 * 1024

/** Bytes of small extents that the gateways of all threads keep in memory, sealed. */
const memoryTierSize = 64 * 1024 * 1024

export interface DaemonEvents {
  /** A bug was met in a thread, and the process is to end without another write. */
  onFatal: (error: Error) => void
  /** The metadata engine met a full disk: nothing can be written until the daemon is stopped and started again. */
  onStuck: (reason: string) => void
}

export class Daemon {
  readonly started = Date.now()
  readonly faults = new FaultLog()
  readonly settings: DaemonSettings
  readonly #epoch = new ConfigurationEpoch()
  readonly #sequences = new ObjectSequences()
  readonly #space: Space
  readonly #log: Logger
  readonly #events: DaemonEvents
  readonly #disk: MetadataDisk
  #engine: Engine | undefined
  #opened: OpenedStore | undefined
  #volumes: VolumeList | undefined
  #watch: VolumeWatch | undefined
  #policies: ReplicaPolicies | undefined
  #administration: VolumeAdministration | undefined
  #serving: Serving | undefined
  #maintenance: Maintenance | undefined
  #snapshots: Snapshots | undefined
  #snapshotWorker: BackgroundWorker | undefined
  #integrity: Integrity | undefined
  #masterKeys: MasterKeys | undefined
  /** Of background work. */
  #writer: ExtentWriter | undefined

  private constructor(settings: DaemonSettings, log: Logger, events: DaemonEvents) {
    this.settings = settings
    this.#space = new Space(settings.threadCount)
    this.#log = log
    this.#events = events
    const { metadataPath: path, metadataReserve: reserve } = settings
    this.#disk = new MetadataDisk({ path, reserve, log })
  }

  static async start(settings: DaemonSettings, log: Logger, events: DaemonEvents): Promise<Daemon> {
    const daemon = new Daemon(settings, log, events)
    await daemon.#start()
    return daemon
  }

  get store(): OpenedStore {
    return required(this.#opened)
  }

  get volumes(): VolumeSet {
    return required(this.#volumes).set
  }

  get serving(): Serving {
    return required(this.#serving)
  }

  get endpoint(): string {
    const { host } = this.settings
    const name = host === '0.0.0.0' ? '127.0.0.1' : host.includes(':') ? `[${host}]` : host
    return `http://${name}:${this.serving.port}`
  }

  get snapshots(): Snapshots {
    return required(this.#snapshots)
  }

  get space(): Space {
    return this.#space
  }

  /** A snapshot of the metadata is made now; the number of the request. */
  requestSnapshot(): number {
    const request = this.snapshots.request()
    this.#snapshotWorker?.wake()
    return request
  }

  get masterKeys(): MasterKeys {
    return required(this.#masterKeys)
  }

  /** What the trash of the buckets is reached by. */
  get trash(): TrashContext {
    const metadata = required(this.#engine)
    return { metadata, committer: this.serving.committer, now: Date.now }
  }

  /** The access keys, opened: for their owner only, over the control socket. */
  get credentials(): CredentialCatalog {
    return new CredentialCatalog(required(this.#engine), this.store.keyring, this.#epoch)
  }

  get policies(): ReplicaPolicies {
    return required(this.#policies)
  }

  get integrity(): Integrity {
    return required(this.#integrity)
  }

  get administration(): VolumeAdministration {
    return required(this.#administration)
  }

  /** Of the metadata. */
  get disk(): MetadataDisk {
    return this.#disk
  }

  async stop(): Promise<void> {
    this.#disk.stop()
    await this.#administration?.stop()
    await this.#watch?.stop()
    await this.#maintenance?.stop()
    await this.#writer?.close()
    await this.#masterKeys?.stop()
    await this.#serving?.stop(this.settings.stopTimeoutMs)
    try {
      await this.#engine?.[Symbol.asyncDispose]()
    } catch (error) {
      // One that met a full disk says so once more. What was acknowledged is in its log.
      this.#log.warn({ error: String(error) }, 'the metadata did not close in order')
    }
    this.#log.info('stopped')
  }

  async #start(): Promise<void> {
    const { settings } = this
    if (!existsSync(settings.metadataPath)) await requireNoVolumes(settings.volumesPath)
    mkdirSync(settings.metadataPath, { recursive: true, mode: 0o700 })
    mkdirSync(settings.runPath, { recursive: true, mode: 0o700 })
    const metadata = { engine: settings.engine, path: settings.metadataPath, handle: undefined }
    this.#disk.makeRoomToOpen()
    const engine = await openEngine(metadata)
    this.#engine = engine
    try {
      const { volumesPath, keySource } = settings
      const opened = await openStore({ engine, volumesPath, keySource, now: Date.now() })
      this.#opened = opened
      if (opened.isNew) await syncNames(settings)
      const parts = this.#sharedParts(engine, opened)
      await this.#openVolumes(engine, parts)
      await this.#space.sealed.addExisting(this.volumes)
      await requireFreePort(settings)
      const journaled = await takeUpJournal(engine, this.volumes, parts, {
        report: this.#report,
        log: this.#log
      })
      const commits = journaled ?? engine
      await this.#prepare(commits, opened)
      if (engine.handle === undefined) {
        this.#serving = await this.#serveHere(commits, parts, () => journaled?.leave())
      } else {
        await journaled?.leave()
        this.#serving = await this.#serveInThreads(parts)
      }
      this.#maintenance = this.#startMaintenance(engine)
      this.#masterKeys = await this.#startMasterKeys(engine, opened)
      await this.#administer(engine, opened)
    } catch (error) {
      await engine[Symbol.asyncDispose]()
      throw error
    }
  }

  async #openVolumes(engine: Engine, parts: SharedParts): Promise<void> {
    const { volumesPath } = this.settings
    const read = (): Promise<VolumeDescription[]> => readVolumes({ engine, volumesPath })
    const set = await openVolumes(parts, this.#report)
    this.#volumes = new VolumeList({ set, list: parts.volumes, read })
    this.#watch = new VolumeWatch(this.#volumes, (volume, reason) => {
      this.#log.error({ volume, reason }, 'a volume failed: nothing more is written to it')
    })
    parts.volumes = this.#volumes.current
  }

  async #administer(metadata: Engine, { record }: OpenedStore): Promise<void> {
    const list = required(this.#volumes)
    const { committer, setVolumes } = this.serving
    const { metadataPath, volumesPath, runPath } = this.settings
    const onChange = (): void => {
      this.#takeSnapshotSoon()
      this.#integrity?.wake()
    }
    this.#policies = new ReplicaPolicies({ metadata, committer, onChange })
    this.#administration = new VolumeAdministration({
      metadata,
      committer,
      list,
      policies: this.#policies,
      storeId: record.id,
      homePath: dirname(volumesPath),
      reserved: [
        { path: dirname(metadataPath), what: 'the metadata' },
        { path: runPath, what: "the daemon's run directory" }
      ],
      onChange,
      log: this.#log
    })
    await list.serve(setVolumes)
    this.#watch?.start()
    this.#disk.start()
  }

  #startMaintenance(metadata: Engine): Maintenance {
    const log = this.#log
    const { committer } = this.serving
    const maintenance = new Maintenance({ log, onFatal: this.#events.onFatal })
    const { lifecycleIntervalMs: intervalMs } = this.settings
    maintenance.start(lifecycleRounds({ metadata, committer, epoch: this.#epoch, intervalMs, log }))
    maintenance.start(trashRounds({ metadata, committer, epoch: this.#epoch, log }))
    const writer = new ExtentWriter({ volumes: this.volumes, segments: this.#segments })
    this.#writer = writer
    for (const work of this.#spaceWork(metadata, writer)) maintenance.start(work)
    this.#snapshots = new Snapshots({
      metadata,
      volumes: this.volumes,
      keyring: this.store.keyring,
      location: this.store.record.defaultLocation,
      intervalMs: this.settings.snapshotIntervalMs,
      log
    })
    this.#snapshotWorker = maintenance.start(this.#snapshots.work)
    const { repairRate, repairDelayMs, scrubRate, scrubPeriodMs } = this.settings
    const paces = { bytesPerSecond: repairRate, failedDelayMs: repairDelayMs }
    const { register: writes } = this.#space
    const parts = { metadata, committer, volumes: this.volumes, writer, writes, maintenance, log }
    const scrub = { bytesPerSecond: scrubRate, periodMs: scrubPeriodMs }
    this.#integrity = new Integrity({ ...parts, ...paces, scrub, onFault: this.#report })
    return maintenance
  }

  #spaceWork(metadata: Engine, writer: ExtentWriter): BackgroundWork[] {
    const { committer, retire, leaveIdle } = this.serving
    return this.#space.work({
      settings: this.settings.space,
      metadata,
      committer,
      volumes: this.volumes,
      writer,
      log: this.#log,
      retire,
      leaveIdle,
      onDamage: damaged => {
        this.#report(toReport({ kind: 'read', ...damaged }))
      }
    })
  }

  get #segments(): SegmentEvents {
    return this.#space.sealed.eventsOf(mainOwner)
  }

  #startMasterKeys(metadata: Engine, { keyring }: OpenedStore): Promise<MasterKeys> {
    return MasterKeys.start({
      metadata,
      committer: this.serving.committer,
      keyring,
      source: this.settings.keySource,
      journal: journalWrappings(this.volumes),
      log: this.#log,
      onFatal: this.#events.onFatal
    })
  }

  #sharedParts(engine: Engine, { record, keyring, volumes }: OpenedStore): SharedParts {
    const { metadataPath, logLevel, volumeFreeMin, metadataReserve } = this.settings
    return {
      metadata: { engine: engine.name, path: metadataPath, handle: engine.handle },
      metadataReserve,
      storeId: record.id,
      masterKeys: keyring.memory,
      volumes,
      volumeFreeMin,
      defaultLocation: record.defaultLocation,
      hasJournal: this.settings.hasJournal,
      epoch: this.#epoch.memory,
      reads: this.#space.reads.memory,
      writes: this.#space.writes.memory,
      objectSequences: this.#sequences.memory,
      logLevel
    }
  }

  /** The first access key and bucket, before anybody else can commit. */
  async #prepare(engine: Engine, opened: OpenedStore): Promise<void> {
    const group = new GroupCommitter(engine, this.#sequences)
    const writer = new ExtentWriter({ volumes: this.volumes, segments: this.#segments })
    const committer: Committer = new LocalCommitter(group, writer, this.#epoch)
    const catalog = new CredentialCatalog(engine, opened.keyring, this.#epoch)
    if ((await catalog.list()).length === 0) {
      const now = Date.now()
      await createCredential(committer, opened.keyring, { description: 'first key', now })
    }

    const { firstBucket } = this.settings
    if (firstBucket !== undefined) {
      const parts = this.#sharedParts(engine, opened)
      const store = createObjectStore(buildContext(parts, this.#inner(engine, committer)))
      await store.createBucket(firstBucket, {}).catch((error: unknown) => {
        if (!(error instanceof R2dError && error.code === 'R2D_BUCKET_EXISTS')) throw error
      })
    }
    await group.close()
    await writer.close()
  }

  #inner(metadata: Engine, committer: Committer) {
    return {
      metadata,
      committer,
      volumes: this.volumes,
      report: this.#report,
      requireRoom: this.#disk.requireRoom,
      thread: 0,
      segments: this.#segments,
      writeBufferSize,
      memoryTierSize
    }
  }

  async #serveInThreads(parts: SharedParts): Promise<Serving> {
    const { threadCount } = this.settings
    const threads = await Threads.start(
      parts,
      Array.from({ length: threadCount }, (_, n) => this.#gatewaySettings(n, threadCount)),
      {
        onFault: this.#report,
        onLog: (level, message, fields) => {
          this.#log[level](fields, message)
        },
        onSegment: (owner, event, place) => {
          this.#space.sealed.eventsOf(owner)[event](place)
        },
        onOwnerEnd: owner => {
          this.#space.sealed.ownerEnded(owner)
        },
        onGatewayEnd: (thread, isSettled) => {
          this.#space.reads.threadEnded(thread, Promise.resolve())
          this.#space.writes.threadEnded(thread, isSettled)
        },
        onStuck: this.#events.onStuck,
        onFatal: this.#events.onFatal
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

  async #serveHere(
    engine: Engine,
    parts: SharedParts,
    stopJournal: () => Promise<void> | undefined
  ): Promise<Serving> {
    const group = new GroupCommitter(noticeFull(engine, this.#events.onStuck), this.#sequences)
    const writer = new ExtentWriter({ volumes: this.volumes, segments: this.#segments })
    const { requireRoom } = this.#disk
    const committer = new LocalCommitter(group, writer, this.#epoch, { requireRoom })
    const context = buildContext(parts, this.#inner(engine, committer))
    const settings = this.#gatewaySettings(0, 1)
    const log = (level: 'info' | 'warn' | 'error') => {
      return (message: string, fields: Record<string, unknown>): void => {
        this.#log[level](fields, message)
      }
    }
    const [info, warn, error] = [log('info'), log('warn'), log('error')]
    const gateway = await Gateway.start(context, settings, { info, warn, error })

    return {
      committer,
      port: gateway.port,
      socketPaths: [settings.socketPath],
      threadCount: 1,
      counters: () => gateway.counters,
      restartCount: () => 0,
      // They are the main thread's own, which are set before.
      setVolumes: () => Promise.resolve(),
      retire: place => {
        context.reader.retire(place)
      },
      leaveIdle: (place, idleMs) => {
        for (const each of [writer, context.writer]) void each.leaveIdle(place, idleMs)
      },
      stop: async timeoutMs => {
        await gateway.stop(timeoutMs)
        await group.close()
        await stopJournal()
        await writer.close()
        await context.writer.close()
        await context.reader.close()
        await context.hashers.close()
      }
    }
  }

  #gatewaySettings(n: number, threadCount: number): GatewaySettings {
    const { host, port, domains, compat, socketPath } = this.settings
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

  /** What a volume that is left has of the metadata is on one less: it is written anew. */
  #takeSnapshotSoon(): void {
    this.#snapshots?.volumeLeft()
    this.#snapshotWorker?.wake()
  }

  readonly #report = (fault: FaultReport): void => {
    this.faults.add(fault)
    this.#watch?.report(fault)
    if (fault.kind === 'write') this.#takeSnapshotSoon()
    this.#integrity?.report(fault)
    this.#log.warn({ ...fault }, 'a volume failed an operation')
  }
}

function required<T>(value: T | undefined): T {
  if (value === undefined) throw new TypeError('The daemon has not started')
  return value
}
