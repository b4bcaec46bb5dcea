/**
 * The servers of a bench: r2d's own daemon over a new store, and the bare ones.
 */

import { fork, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import net from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { ControlClient } from '../src/control/client.ts'
import { resolveHome } from '../src/home.ts'
import { signedRequest, type Signer } from './signed-request.ts'

export interface Server {
  process: ChildProcess
  port: number
  signer: Signer
}

export interface R2dOptions {
  home: string
  threads: number
  /** The checkout whose build is run. */
  checkout: string
  /** Where a profile of each of the daemon's threads goes when it stops. */
  profileDirectory: string | undefined
}

export async function startR2d(options: R2dOptions): Promise<Server> {
  const { home, threads, checkout, profileDirectory } = options
  const environment = {
    ...process.env,
    R2D_HOME: home,
    R2D_S3_PORT: '0',
    R2D_GATEWAY_THREADS: String(threads),
    R2D_BUCKET: 'bench'
  }
  if (profileDirectory !== undefined) mkdirSync(profileDirectory, { recursive: true })
  const flags =
    profileDirectory === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileDirectory}`]
  const daemon = spawn(
    process.execPath,
    [...flags, join(checkout, 'bin/r2d'), 'daemon', 'start', '--foreground', '--quiet'],
    { env: environment, stdio: 'ignore' }
  )

  const control = new ControlClient(resolveHome(environment))
  for (;;) {
    const status = await control.status().catch(() => undefined)
    if (status !== undefined) {
      const [credential] = await control.credentials()
      if (credential === undefined) throw new Error('The daemon has no access key')
      const host = status.endpoint.replace('http://', '')
      return { process: daemon, port: Number(host.split(':')[1]), signer: { host, ...credential } }
    }
    if (daemon.exitCode !== null) throw new Error(`The daemon ended with code ${daemon.exitCode}`)
    await delay(50)
  }
}

export async function startBare(
  kind: 'memory' | 'file',
  { directory, sizes, threads }: { directory: string; sizes: readonly number[]; threads: number }
): Promise<Server> {
  const files = join(directory, kind)
  await mkdir(files)
  const program = fileURLToPath(new URL('bare-server.js', import.meta.url))
  const child = fork(program, [kind, files, sizes.join(','), String(threads)])
  const [{ port }] = (await once(child, 'message')) as [{ port: number }]
  const signer = { host: `127.0.0.1:${port}`, accessKeyId: 'none', secretAccessKey: 'none' }
  return { process: child, port, signer }
}

/** A daemon that is asked to stop writes its profiles; the bare servers have nothing to lose. */
export async function stop(
  { process: child }: Server,
  signal: 'SIGTERM' | 'SIGKILL'
): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return

  const ended = once(child, 'exit')
  child.kill(signal)
  await ended
}

/** Writes the objects that are read; a name is `SIZE-n`. */
export async function fill({ port, signer }: Server, names: readonly string[]): Promise<void> {
  for (const name of names) {
    const size = Number(name.split('-')[0])
    const request = signedRequest(signer, 'PUT', `/bench/${name}`, Buffer.alloc(size, 7))
    const socket = net.connect({ port, host: '127.0.0.1' })
    socket.write(request)
    const [answer] = (await once(socket, 'data')) as [Buffer]
    if (!answer.toString('latin1').startsWith('HTTP/1.1 200')) throw new Error(answer.toString())
    socket.destroy()
  }
}

/** Seconds on a processor, user and system together, of all threads. Linux only; else zero. */
export function cpuSeconds({ process: { pid } }: Server): number {
  try {
    const fields =
      readFileSync(`/proc/${pid ?? 0}/stat`, 'utf8')
        .split(') ')[1]
        ?.split(' ') ?? []
    // utime and stime in ticks of 10 ms: proc_pid_stat(5).
    return (Number(fields[11]) + Number(fields[12])) / 100
  } catch {
    return 0
  }
}

/** Kilobytes that the process has had in memory at most. Linux only. */
export function peakMemory({ process: { pid } }: Server): string {
  try {
    const status = readFileSync(`/proc/${pid ?? 0}/status`, 'utf8')
    return /VmHWM:\s*(\d+)/.exec(status)?.[1] ?? '?'
  } catch {
    return '?'
  }
}
