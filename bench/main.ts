/**
 * r2d beside a bare node:http server, in one run: the server and the load generator on the same machine.
 *
 *     npm run bench [-- --connections 32]
 *
 * Durability class of r2d: acknowledged means encrypted, on 2 replicas, data and metadata synced. The bare server keeps
 * what it sends in memory and forgets what it gets; "file a body" writes each body to a file of its own with one
 * fdatasync. Each figure is the median of five runs, the servers taking turns.
 */

import { fork, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import net from 'node:net'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { availableParallelism, cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { ControlClient } from '../src/control/client.ts'
import { resolveHome } from '../src/home.ts'
import type { LoadFigures } from './load-generator.ts'
import type { LoadOrder } from './load-process.ts'
import { signedRequest, type Signer } from './signed-request.ts'

const runCount = 5
const MiB = 1024 * 1024

interface Server {
  name: string
  port: number
  signer: Signer
}

interface Work {
  name: string
  method: LoadOrder['method']
  path: string
  pathCount: number
  bodySize: number
  count: number
  connections: number
  /** Bytes of content that each request moves: for MB/s. Absent: requests a second. */
  size?: number
  against: 'bare' | 'file'
}

const { values } = parseArgs({
  options: { connections: { type: 'string', default: '32' }, only: { type: 'string' } }
})
const connections = Number(values.connections)

const works: Work[] = [
  work('PUT 4 KiB', 'PUT', { against: 'bare' }),
  work('PUT 4 KiB, against file a body', 'PUT', { against: 'file' }),
  work('GET 4 KiB', 'GET', { path: '/bench/4096-{n}', pathCount: 1000, count: 40_000 }),
  work('HEAD', 'HEAD', { path: '/bench/4096-{n}', pathCount: 1000, count: 40_000 }),
  large('PUT 64 MiB, one stream', 'PUT'),
  large('GET 64 MiB, one stream', 'GET')
]

function work(name: string, method: Work['method'], more: Partial<Work>): Work {
  return {
    name,
    method,
    path: '/bench/put-{n}',
    pathCount: 10_000,
    bodySize: method === 'PUT' ? 4096 : 0,
    count: 10_000,
    connections,
    against: 'bare',
    ...more
  }
}

function large(name: string, method: Work['method']): Work {
  const size = 64 * MiB
  const bodySize = method === 'PUT' ? size : 0
  const path = `/bench/${size}-{n}`
  return {
    name,
    method,
    path,
    pathCount: 1,
    bodySize,
    count: 8,
    connections: 1,
    size,
    against: 'bare'
  }
}

const directory = await mkdtemp(join(tmpdir(), 'r2d-bench-'))
const children: ChildProcess[] = []
try {
  const r2d = await startR2d()
  const bare = await startBare('memory')
  const file = await startBare('file')
  await fill(r2d)

  const core = cpus()[0]?.model ?? 'unknown'
  print(`Node.js ${process.versions.node}, ${availableParallelism()} cores of ${core}`)
  print(`${connections} connections, header-signed requests, medians of ${runCount}`)
  print('r2d: encrypted, 2 replicas, data and metadata synced before each answer\n')
  print(
    `${'work'.padEnd(34)}${'r2d'.padStart(12)}${'bare'.padStart(12)}${'ratio'.padStart(8)}   r2d p50/p99 ms`
  )
  for (const each of works) {
    if (values.only !== undefined && !each.name.includes(values.only)) continue
    await compare(each, r2d, each.against === 'file' ? file : bare)
  }
  const status = await readFile(`/proc/${children[0]?.pid ?? 'self'}/status`, 'utf8')
  print(`\nr2d peak memory: ${/VmHWM:\s*(\d+)/.exec(status)?.[1] ?? '?'} kB`)
} finally {
  for (const child of children) child.kill('SIGKILL')
  for (const child of children) {
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  }
  await rm(directory, { recursive: true, force: true })
}

async function compare(each: Work, r2d: Server, other: Server): Promise<void> {
  const ours: LoadFigures[] = []
  const theirs: LoadFigures[] = []
  for (let run = 0; run < runCount; run++) {
    ours.push(await load(each, r2d))
    theirs.push(await load(each, other))
  }

  const rate = ({ requests, seconds }: LoadFigures): number => {
    return each.size === undefined ? requests / seconds : (requests * each.size) / seconds / 1e6
  }
  const [mine, its] = [median(ours.map(rate)), median(theirs.map(rate))]
  const unit = each.size === undefined ? '/s' : 'MB/s'
  const latency = `${median(ours.map(({ p50 }) => p50)).toFixed(1)} / ${median(ours.map(({ p99 }) => p99)).toFixed(1)}`
  print(
    `${each.name.padEnd(34)}${`${mine.toFixed(0)} ${unit}`.padStart(12)}` +
      `${`${its.toFixed(0)} ${unit}`.padStart(12)}${(mine / its).toFixed(2).padStart(8)}   ${latency}`
  )
}

async function load(each: Work, { port, signer }: Server): Promise<LoadFigures> {
  const child = fork(fileURLToPath(new URL('load-process.js', import.meta.url)))
  const { method, path, pathCount, bodySize, count } = each
  const order: LoadOrder = {
    signer,
    port,
    connections: each.connections,
    count,
    method,
    path,
    pathCount,
    bodySize
  }
  child.send(order)
  const [figures] = (await once(child, 'message')) as [LoadFigures]
  child.kill()
  if (figures.failures > 0) throw new Error(`${each.name}: ${figures.failures} requests failed`)
  return figures
}

async function startR2d(): Promise<Server> {
  const path = join(directory, 'home')
  const environment = { ...process.env, R2D_HOME: path, R2D_S3_PORT: '0', R2D_BUCKET: 'bench' }
  const launcher = fileURLToPath(new URL('../../bin/r2d', import.meta.url))
  const child = spawn(process.execPath, [launcher, 'daemon', 'start', '--foreground'], {
    env: environment,
    stdio: ['ignore', 'ignore', 'ignore']
  })
  children.push(child)
  const control = new ControlClient(resolveHome(environment))
  for (;;) {
    const status = await control.status().catch(() => undefined)
    if (status !== undefined) {
      const [credential] = await control.credentials()
      if (credential === undefined) throw new Error('The daemon has no access key')
      const host = status.endpoint.replace('http://', '')
      return { name: 'r2d', port: Number(host.split(':')[1]), signer: { host, ...credential } }
    }
    await delay(50)
  }
}

async function startBare(kind: 'memory' | 'file'): Promise<Server> {
  const server = fileURLToPath(new URL('bare-server.js', import.meta.url))
  const child = fork(server, [kind, directory, `4096,${64 * MiB}`])
  children.push(child)
  const [{ port }] = (await once(child, 'message')) as [{ port: number }]
  const signer = { host: `127.0.0.1:${port}`, accessKeyId: 'none', secretAccessKey: 'none' }
  return { name: kind, port, signer }
}

/** The objects that are read. */
async function fill({ port, signer }: Server): Promise<void> {
  const objects = [...Array.from({ length: 1000 }, (_, n) => `4096-${n}`), `${64 * MiB}-0`]
  for (const name of objects) {
    const size = Number(name.split('-')[0])
    const request = signedRequest(signer, 'PUT', `/bench/${name}`, Buffer.alloc(size, 7))
    const socket = net.connect({ port, host: '127.0.0.1' })
    socket.write(request)
    const [answer] = (await once(socket, 'data')) as [Buffer]
    if (!answer.toString('latin1').startsWith('HTTP/1.1 200')) throw new Error(answer.toString())
    socket.destroy()
  }
}

function median(values_: number[]): number {
  return values_.sort((a, b) => a - b)[Math.floor(values_.length / 2)] ?? 0
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}
