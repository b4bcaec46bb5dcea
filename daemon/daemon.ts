/**
 * The daemon: starts the parts in order and stops them in reverse.
 *
 *     engine (the lock) -> store, keys -> volumes -> threads -> first access key -> control socket
 */

import { existsSync, mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Logger } from 'pino'
import { R2dError } from '../src/errors.ts'
import { ConfigurationEpoch } from '../src/metadata/configuration-epoch.ts'
import type { Engine } from '../src/metadata/engine.ts'
import { ObjectSequences } from '../src/metadata/object-sequences.ts'
import { createCredential, CredentialCatalog } from '../src/objects/credential-catalog.ts'
import { createObjectStore } from '../src/objects/object-store.ts'
import type { TrashContext } from '../src/objects/trash.ts'
import type { VolumeDescription, VolumeSet } from '../src/storage/volume-set.ts'
import { FaultLog } from './fault-log.ts'
import { requireFreePort } from './free-port.ts'
import { LocalStore } from './local-store.ts'
import { Maintenance } from './maintenance.ts'
import { MasterKeys } from './master-keys.ts'
import { journalWrappings, takeUpJournal } from './journal.ts'
import { MetadataDisk } from './metadata-disk.ts'
import { noticeFull } from './notice-full.ts'
import { openStore, readVolumes, requireNoVolumes, type OpenedStore } from './open-store.ts'
import { openEngine, openVolumes } from './parts.ts'
import type { FaultReport, SharedParts } from './thread-messages.ts'
import type { DaemonSettings } from './daemon-settings.ts'
import {
  memoryTierSize,
  serveHere,
  serveInThreads,
  writeBufferSize,
  type Serving
} from './serving.ts'
import { ReplicaPolicies } from './replica-policies.ts'
import { syncNames } from './sync-names.ts'
import { mainOwner, Space } from './space.ts'
import { VolumeAdministration } from './volume-administration.ts'
import { VolumeList } from './volume-list.ts'
import { VolumeWatch } from './volume-watch.ts'

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
  #masterKeys: MasterKeys | undefined

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

  get space(): Space {
    return this.#space
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

  get maintenance(): Maintenance {
    return required(this.#maintenance)
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
      await this.#prepare(this.#localStore(commits, parts))
      this.#serving = await this.#serve(commits, parts, async () => journaled?.leave())
      this.#maintenance = this.#startMaintenance(engine, opened)
      this.#masterKeys = await this.#startMasterKeys(engine, opened)
      await this.#administer(engine, opened)
    } catch (error) {
      await engine[Symbol.asyncDispose]()
      throw error
    }
  }

  async #serve(
    engine: Engine,
    shared: SharedParts,
    stopJournal: () => Promise<void>
  ): Promise<Serving> {
    const { settings } = this
    const { onStuck, onFatal } = this.#events
    const log = this.#log
    if (engine.handle === undefined) {
      const store = this.#localStore(noticeFull(engine, onStuck), shared)
      return serveHere({ settings, store, log, stopJournal })
    }

    await stopJournal()
    const onFault = this.#report
    return serveInThreads({ settings, shared, space: this.#space, log, onFault, onStuck, onFatal })
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
      this.#maintenance?.volumesChanged()
    }
    const homePath = dirname(volumesPath)
    this.#policies = new ReplicaPolicies({ metadata, committer, homePath, onChange })
    this.#administration = new VolumeAdministration({
      metadata,
      committer,
      list,
      policies: this.#policies,
      storeId: record.id,
      homePath,
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

  #startMaintenance(metadata: Engine, { keyring, record }: OpenedStore): Maintenance {
    return new Maintenance({
      settings: this.settings,
      metadata,
      serving: this.serving,
      volumes: this.volumes,
      space: this.#space,
      keyring,
      location: record.defaultLocation,
      epoch: this.#epoch,
      log: this.#log,
      onFault: this.#report,
      onFatal: this.#events.onFatal
    })
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
  async #prepare(store: LocalStore): Promise<void> {
    const { committer, context } = store
    const { keyring, now } = context
    const catalog = new CredentialCatalog(context.metadata, keyring, this.#epoch)
    if ((await catalog.list()).length === 0)
      await createCredential(committer, keyring, { description: 'first key', now: now() })

    const { firstBucket } = this.settings
    if (firstBucket !== undefined) {
      await createObjectStore(context)
        .createBucket(firstBucket, {})
        .catch((error: unknown) => {
          if (!(error instanceof R2dError && error.code === 'R2D_BUCKET_EXISTS')) throw error
        })
    }
    await store.close()
  }

  #localStore(engine: Engine, shared: SharedParts): LocalStore {
    return new LocalStore({
      engine,
      shared,
      volumes: this.volumes,
      segments: this.#space.sealed.eventsOf(mainOwner),
      requireRoom: this.#disk.requireRoom,
      report: this.#report,
      writeBufferSize,
      memoryTierSize
    })
  }

  readonly #report = (fault: FaultReport): void => {
    this.faults.add(fault)
    this.#watch?.report(fault)
    this.#maintenance?.report(fault)
    this.#log.warn({ ...fault }, 'a volume failed an operation')
  }
}

function required<T>(value: T | undefined): T {
  if (value === undefined) throw new TypeError('The daemon has not started')
  return value
}
