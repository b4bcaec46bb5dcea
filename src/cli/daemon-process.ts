/**
 * The daemon as a process in the background: started, waited for, stopped.
 */

import { spawn } from 'node:child_process'
import { closeSync, fstatSync, mkdirSync, openSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { ControlClient } from '../control/client.ts'
import type { Status } from '../control/protocol.ts'
import { R2dError } from '../errors.ts'
import type { Home } from '../home.ts'
import { errorCodeOf } from './exit-code.ts'

const startTimeoutMs = 60_000
const stopTimeoutMs = 60_000
const pollMs = 50

/** The flags that a daemon is started with; what is not given is for its configuration to say. */
export interface StartFlags {
  host?: string | undefined
  port?: number | undefined
  threads?: number | undefined
  bucket?: string | undefined
}

/** Resolves when the daemon serves. */
export async function startInBackground(
  home: Home,
  { host, port, threads, bucket }: StartFlags
): Promise<Status> {
  const flags = Object.entries({ host, port, threads, bucket }).flatMap(([name, value]) =>
    value === undefined ? [] : [`--${name}`, String(value)]
  )
  mkdirSync(dirname(home.logFile), { recursive: true, mode: 0o700 })
  const log = openSync(home.logFile, 'a', 0o600)
  const logStart = fstatSync(log).size
  const launcher = fileURLToPath(new URL('../../../bin/r2d', import.meta.url))
  const child = spawn(
    process.execPath,
    [launcher, 'daemon', 'start', '--foreground', '--quiet', ...flags],
    { detached: true, stdio: ['ignore', log, log], env: { ...process.env, R2D_HOME: home.path } }
  )
  closeSync(log)
  child.unref()

  const control = new ControlClient(home)
  const deadline = Date.now() + startTimeoutMs
  while (Date.now() < deadline) {
    const status = await control.status().catch(() => undefined)
    if (status !== undefined && status.pid === child.pid) return status
    if (child.exitCode !== null) throw failedToStart(home, logStart, child.exitCode)
    await delay(pollMs)
  }
  throw new R2dError('R2D_UNREACHABLE', 'The daemon did not answer in time', {
    hint: `See ${home.logFile}`
  })
}

/** Resolves when the process has ended, its stop being a graceful one. */
export async function stopRunning(home: Home): Promise<Status> {
  const control = new ControlClient(home)
  const status = await control.status().catch((error: unknown) => {
    throw nothingToStop(home, error)
  })
  await control.stop()

  const deadline = Date.now() + stopTimeoutMs
  while (Date.now() < deadline) {
    if (!isRunning(status.pid)) return status
    await delay(pollMs)
  }
  throw new R2dError('R2D_UNREACHABLE', `The daemon (pid ${status.pid}) has not ended yet`, {
    hint: `See ${home.logFile}`
  })
}

function nothingToStop(home: Home, error: unknown): unknown {
  if (!(error instanceof R2dError && error.code === 'R2D_UNREACHABLE')) return error

  return new R2dError(error.code, `${error.message}: there is nothing to stop`, {
    cause: error,
    hint: `Looked in ${home.path}; another home is named by --home or R2D_HOME`
  })
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/** With what the daemon said itself: behind what earlier ones said, and not in JSON as its log. */
function failedToStart(home: Home, logStart: number, exitCode: number): R2dError {
  const said = readFileSync(home.logFile).toString('utf8', logStart).trimEnd().split('\n')
  const first = said.findIndex(line => line.startsWith('r2d: '))
  if (first === -1) {
    const last = said.slice(-4).join('\n')
    return new R2dError('R2D_UNREACHABLE', `The daemon ended with code ${exitCode}:\n${last}`, {
      hint: `See ${home.logFile}`
    })
  }

  const [message = '', ...rest] = said.slice(first)
  return new R2dError(
    errorCodeOf(exitCode),
    message.slice('r2d: '.length),
    rest.length === 0 ? {} : { hint: rest.join('\n') }
  )
}

/** What the daemon of this home was started with, if it was not stopped since; also if it was killed. */
export function readStartFlags(home: Home): StartFlags {
  let fields: Record<string, unknown>
  try {
    fields = JSON.parse(readFileSync(home.startFile, 'utf8')) as Record<string, unknown>
  } catch {
    return {}
  }
  const { host, port, threads } = fields
  return {
    ...(typeof host === 'string' ? { host } : {}),
    ...(typeof port === 'number' ? { port } : {}),
    ...(typeof threads === 'number' ? { threads } : {})
  }
}
