// A real daemon in a process of its own, on a home of its own and any free port.

import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import http from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { ExecutionContext } from 'ava'
import { ControlClient } from '../../src/control/client.ts'
import { resolveHome } from '../../src/home.ts'
import type { S3Endpoint } from '../conformance/s3.ts'
import type { Status } from '../../src/control/protocol.ts'

export const root = fileURLToPath(new URL('../../../', import.meta.url))

/** A start takes a second; a machine under load takes longer. */
const startTimeoutMs = 60_000

export async function makeDaemonHome(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'r2d-home-'))
}

/** One that is there until the test ends. */
export async function daemonHome(t: ExecutionContext): Promise<string> {
  const home = await makeDaemonHome()
  t.teardown(() => removeHome(home))
  return home
}

/** One that does not outlive the test, whatever becomes of that. */
export async function startDaemon(
  t: ExecutionContext,
  home: string,
  environment?: Record<string, string>
): Promise<DaemonProcess> {
  const daemon = await DaemonProcess.start(home, environment)
  t.teardown(() => daemon.kill())
  return daemon
}

export class DaemonProcess {
  readonly home: string
  readonly child: ChildProcess
  readonly status: Status
  /** What the process wrote to its standard error so far. */
  readonly stderr: () => string

  private constructor(home: string, child: ChildProcess, status: Status, stderr: () => string) {
    this.home = home
    this.child = child
    this.status = status
    this.stderr = stderr
  }

  /** Resolves when the control socket answers; rejects with the output if the process ends before. */
  static async start(
    home: string,
    environment: Record<string, string> = {},
    { descriptorCount }: { descriptorCount?: number } = {}
  ): Promise<DaemonProcess> {
    const args = ['--enable-source-maps', join(root, 'bin/r2d'), 'daemon', 'start', '--foreground']
    const limit = descriptorCount === undefined ? '' : `ulimit -n ${descriptorCount}; `
    const child = spawn('sh', ['-c', `${limit}exec "$0" "$@"`, process.execPath, ...args], {
      env: environmentOf(home, environment),
      stdio: ['ignore', 'pipe', 'pipe']
    })
    let output = ''
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()))

    const deadline = Date.now() + startTimeoutMs
    while (Date.now() < deadline) {
      if (child.exitCode !== null || child.signalCode !== null) {
        throw new Error(`The daemon ended with ${child.exitCode ?? child.signalCode}: ${output}`)
      }
      const status = await readStatus(home)
      if (status?.pid === child.pid && status !== undefined) {
        return new DaemonProcess(home, child, status, () => output)
      }
      await delay(20)
    }
    child.kill('SIGKILL')
    throw new Error(`The daemon did not answer in time: ${output}`)
  }

  get endpoint(): string {
    return this.status.endpoint
  }

  client(): ControlClient {
    return new ControlClient(resolveHome({ R2D_HOME: this.home }))
  }

  async s3(): Promise<S3Endpoint> {
    const [credential] = await this.client().credentials()
    assert(credential !== undefined)
    const { accessKeyId, secretAccessKey } = credential
    return { endpoint: this.endpoint, accessKeyId, secretAccessKey }
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return
    const ended = once(this.child, 'exit')
    this.child.kill(signal)
    await ended
  }

  /** A graceful stop; asserts that it was one. */
  async stop(): Promise<void> {
    await this.kill('SIGTERM')
    assert.equal(this.child.exitCode, 0, this.stderr())
  }
}

export async function removeHome(home: string): Promise<void> {
  await rm(home, { recursive: true, force: true })
}

export function environmentOf(
  home: string,
  environment: Record<string, string> = {}
): Record<string, string> {
  const { PATH = '', HOME = '' } = process.env
  return { PATH, HOME, R2D_HOME: home, R2D_S3_PORT: '0', ...environment }
}

async function readStatus(home: string): Promise<Status | undefined> {
  try {
    return await new ControlClient(resolveHome({ R2D_HOME: home })).status()
  } catch {
    return undefined
  }
}

export interface LocalResponse {
  status: number
  headers: http.IncomingHttpHeaders
  body: Buffer
}

/** One request on the local socket of a gateway thread. */
export async function localRequest(
  socketPath: string,
  method: string,
  path: string,
  body?: Buffer,
  headers: Record<string, string> = {},
  agent?: http.Agent
): Promise<LocalResponse> {
  const request = http.request({
    socketPath,
    method,
    path,
    headers: { ...headers, ...(body === undefined ? {} : { 'content-length': body.length }) },
    ...(agent === undefined ? {} : { agent })
  })
  request.end(body)
  const [response] = (await once(request, 'response')) as [http.IncomingMessage]
  const pieces: Buffer[] = []
  for await (const piece of response) pieces.push(piece as Buffer)

  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    body: Buffer.concat(pieces)
  }
}
