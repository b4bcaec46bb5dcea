/**
 * The daemon process: configuration in, signals, exit codes.
 */

import { chmodSync, existsSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import os from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { pino, type Logger } from 'pino'
import { loadConfig, type Config } from '../src/config.ts'
import { R2dError } from '../src/errors.ts'
import type { Home } from '../src/home.ts'
import { isRocksDbAvailable } from '../src/metadata/rocksdb.ts'
import { version } from '../src/version.ts'
import { startControlServer } from './control-server.ts'
import { collectWhenIdle } from './idle-collection.ts'
import { openKeySource, takeKeyVariables } from './key-source.ts'
import { Daemon } from './daemon.ts'
import type { DaemonSettings } from './daemon-settings.ts'
import { terminalLog } from './terminal-log.ts'

export interface RunOptions {
  home: Home
  host?: string | undefined
  port?: number | undefined
  threads?: number | undefined
  /** Made at the start if it is not there. */
  bucket?: string | undefined
  /** Called once the daemon serves, in place of a line in the log. */
  onReady?: (daemon: Daemon) => Promise<void>
}

/** Resolves with the exit code when the daemon has stopped. Rejects if it cannot start. */
export async function runDaemon(options: RunOptions): Promise<number> {
  const { home } = options
  const config = loadConfig(home, {
    's3.host': options.host,
    's3.port': options.port,
    'gateway.threads': options.threads
  })
  const keySource = openKeySource(home, config.key.command, takeKeyVariables())
  makeDirectories(home)
  collectWhenIdle()

  const log = openLog(config.log.level)
  const fatal = Promise.withResolvers<number>()
  const onFatal = (error: Error): void => {
    log.fatal({ error: error.stack }, 'a bug was met: stopping before it spreads')
    fatal.resolve(70)
  }
  const settings = {
    ...(await toSettings(home, config)),
    keySource,
    firstBucket: options.bucket
  }
  const stop = stopRequested(log)
  let { port } = settings
  for (let isFirst = true; ; isFirst = false) {
    const stuck = Promise.withResolvers<undefined>()
    const onStuck = (reason: string): void => {
      log.error({ reason }, 'the metadata takes no more writes: waiting for space to open it again')
      stuck.resolve(undefined)
    }
    let daemon: Daemon
    try {
      daemon = await Daemon.start({ ...settings, port }, log, { onFatal, onStuck })
    } catch (error) {
      if (isFirst || !(error instanceof R2dError) || error.code !== 'R2D_STORE_FULL') throw error
      log.error({ reason: error.message }, 'the metadata cannot be opened yet')
      await Promise.race([stop.requested, delay(roomCheckMs)])
      if (stop.isRequested()) return 0
      continue
    }
    // Clients find it where it was.
    port = daemon.serving.port

    const control = await startControlServer({
      daemon,
      homePath: home.path,
      socketPath: home.controlSocket,
      onStop: stop.request
    })
    if (isFirst) await announce(daemon, options, log)

    const end = await Promise.race([
      stop.requested.then(() => 'stop' as const),
      fatal.promise,
      stuck.promise.then(() => roomToOpen(daemon))
    ])
    if (typeof end === 'number') return end
    control.close()
    control.closeIdleConnections()
    await daemon.stop()
    if (end === 'stop') break
    log.info('starting again, now that the metadata has space')
  }

  rmSync(home.pidFile, { force: true })
  rmSync(home.startFile, { force: true })
  rmSync(home.controlSocket, { force: true })
  return 0
}

/** Between looks at whether the disk of the metadata has space again, milliseconds. */
const roomCheckMs = 500

async function roomToOpen(daemon: Daemon): Promise<'restart'> {
  while (!daemon.disk.makeRoomToOpen()) await delay(roomCheckMs)
  return 'restart'
}

async function announce(
  daemon: Daemon,
  { home, host, port, threads, onReady }: RunOptions,
  log: Logger
): Promise<void> {
  writeFileSync(home.pidFile, `${process.pid}\n`, { mode: 0o600 })
  writeFileSync(home.startFile, JSON.stringify({ host, port, threads }), { mode: 0o600 })
  if (onReady !== undefined) {
    await onReady(daemon)
    return
  }
  const { endpoint, settings } = daemon
  log.info({ version, endpoint, engine: settings.engine, home: home.path }, 'serving')
}

/** Lines of JSON; on a terminal, lines for people. */
function openLog(level: Config['log']['level']): Logger {
  return pino(
    { level, base: { pid: process.pid } },
    process.stderr.isTTY ? terminalLog(process.stderr) : pino.destination(2)
  )
}

/** Signals that come within this time, milliseconds, are one. */
const repeatMs = 1_000

/** SIGTERM, SIGINT and SIGHUP ask for a stop; asked twice, the process ends at once. */
function stopRequested(log: Logger): {
  requested: Promise<void>
  isRequested: () => boolean
  request: () => void
} {
  let isRequested = false
  const { promise: requested, resolve } = Promise.withResolvers<undefined>()
  let asked: number | undefined
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    process.on(signal, () => {
      const now = performance.now()
      if (asked !== undefined) {
        // A terminal and a launcher both pass on one Ctrl-C: that is not asking twice.
        if (now - asked > repeatMs) process.exit(128 + os.constants.signals[signal])
        return
      }
      asked = now
      log.info({ signal }, 'stopping')
      isRequested = true
      resolve(undefined)
    })
  }

  return {
    requested,
    isRequested: () => isRequested,
    request: () => {
      isRequested = true
      resolve(undefined)
    }
  }
}

function makeDirectories(home: Home): void {
  for (const path of [home.path, home.run]) mkdirSync(path, { recursive: true, mode: 0o700 })
  chmodSync(home.run, 0o700)
  // A run directory outside the home is in a place where others can make directories, too.
  if (statSync(home.run).uid !== (process.getuid?.() ?? 0)) {
    throw new R2dError('R2D_INVALID_CONFIG', `${home.run} belongs to another user`, {
      hint: 'Choose a shorter R2D_HOME, so that its sockets fit into it'
    })
  }
}

async function toSettings(
  home: Home,
  config: Config
): Promise<Omit<DaemonSettings, 'keySource' | 'firstBucket'>> {
  const engine = await chooseEngine(home, config.metadata.engine)

  return {
    host: config.s3.host,
    port: config.s3.port,
    domains: config.s3.domains,
    compat: config.s3.compat,
    threadCount: config.gateway.threads === 0 ? os.availableParallelism() : config.gateway.threads,
    engine,
    metadataPath: join(home.metadata, engine),
    volumesPath: home.volumes,
    runPath: home.run,
    socketPath: home.s3Socket,
    stopTimeoutMs: config.gateway.stopTimeout * 1000,
    metadataReserve: config.metadata.reserve * 1024 * 1024,
    volumeFreeMin: config.volumes.reserve * 1024 * 1024,
    scrubRate: config.scrub.rate * 1024 * 1024,
    scrubPeriodMs: config.scrub.period * 86_400_000,
    repairRate: config.repair.rate * 1024 * 1024,
    repairDelayMs: config.repair.delay * 1000,
    lifecycleIntervalMs: config.lifecycle.interval * 1000,
    hasJournal: config.metadata.journal === 'on',
    snapshotIntervalMs: config.metadata.snapshotInterval * 1000,
    space: {
      deadShare: config.space.deadShare / 100,
      idleMs: config.space.idle * 1000,
      bytesPerSecond: config.space.rate * 1024 * 1024
    },
    logLevel: config.log.level
  }
}

/** A store stays with the engine that it was made with. */
export async function chooseEngine(
  home: Home,
  wanted: Config['metadata']['engine']
): Promise<'rocksdb' | 'classic-level'> {
  const found = (['rocksdb', 'classic-level'] as const).find(name =>
    existsSync(join(home.metadata, name))
  )
  if (wanted === 'auto')
    return found ?? ((await isRocksDbAvailable()) ? 'rocksdb' : 'classic-level')

  if (found !== undefined && found !== wanted) {
    throw new R2dError('R2D_INVALID_CONFIG', `The metadata of this store is in ${found}`, {
      hint: `Set metadata.engine to "auto" or "${found}"`
    })
  }
  return wanted
}
