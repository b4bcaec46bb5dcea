/**
 * The daemon as a process in the background: started, waited for, stopped.
 */

import { spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { ControlClient } from '../control/client.ts'
import type { Status } from '../control/protocol.ts'
import { R2dError } from '../errors.ts'
import type { Home } from '../home.ts'

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
    if (child.exitCode !== null) throw failedToStart(home, child.exitCode)
    await delay(pollMs)
  }
  throw new R2dError('R2D_UNREACHABLE', 'The daemon did not answer in time', {
    hint: `See ${home.logFile}`
  })
}

/** Resolves when the process has ended, its stop being a graceful one. */
export async function stopRunning(home: Home): Promise<Status> {
  const control = new ControlClient(home)
  const status = await control.status()
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

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/** The last lines of the log say why. */
function failedToStart(home: Home, exitCode: number): R2dError {
  const lines = readFileSync(home.logFile, 'utf8').trimEnd().split('\n').slice(-4)

  return new R2dError(
    exitCode === 10 ? 'R2D_LOCKED' : 'R2D_UNREACHABLE',
    `The daemon ended with code ${exitCode}:\n${lines.join('\n')}`,
    { hint: `See ${home.logFile}` }
  )
}
