/**
 * The home directory: where everything that a daemon has is kept.
 *
 *     r2d.toml       configuration, if there is any
 *     master.key     the master key, 0600; two of them while it is being rotated
 *     metadata/      the engine's files
 *     volumes/       the default volumes
 *     logs/r2d.log   what a daemon in the background says
 *     run/           sockets, the pid file, and what the daemon was started with
 *
 * `R2D_HOME`, or else `r2d` in the user's data directory (XDG Base Directory Specification).
 */

import { createHash } from 'node:crypto'
import { homedir, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

/** sun_path takes 108 bytes on Linux and 104 on macOS, one of them for the end. */
const socketPathSizeMax = 103
const longestSocketName = 'control.sock'

export interface Home {
  path: string
  configFile: string
  masterKeyFile: string
  metadata: string
  volumes: string
  logFile: string
  run: string
  pidFile: string
  /** What the daemon was started with. */
  startFile: string
  controlSocket: string
  /** The S3 socket of gateway thread `n`. */
  s3Socket: (n: number) => string
}

export function resolveHome(environment: NodeJS.ProcessEnv = process.env): Home {
  const base = environment['XDG_DATA_HOME'] ?? join(homedir(), '.local', 'share')
  const path = resolve(environment['R2D_HOME'] ?? join(base, 'r2d'))
  const run = runDirectory(path)

  return {
    path,
    configFile: join(path, 'r2d.toml'),
    masterKeyFile: join(path, 'master.key'),
    metadata: join(path, 'metadata'),
    volumes: join(path, 'volumes'),
    logFile: join(path, 'logs', 'r2d.log'),
    run,
    pidFile: join(run, 'r2d.pid'),
    startFile: join(run, 'start.json'),
    controlSocket: join(run, 'control.sock'),
    s3Socket: n => join(run, `s3-${n}.sock`)
  }
}

/** A home too deep for a socket's path has its sockets elsewhere, found again by the same rule. */
function runDirectory(home: string): string {
  const inside = join(home, 'run')
  if (Buffer.byteLength(join(inside, longestSocketName)) <= socketPathSizeMax) return inside

  const name = createHash('sha256').update(home).digest('hex').slice(0, 16)
  return join(tmpdir(), `r2d-${process.getuid?.() ?? 0}-${name}`)
}
