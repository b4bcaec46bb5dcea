/**
 * r2d beside bare node:http servers, in one run: the servers and the load generator on the same machine.
 *
 *     npm run bench [-- --only 'GET 4 KiB' --runs 5 --threads 2 --cpu-prof DIRECTORY]
 *
 * Durability class of r2d: acknowledged means encrypted, on 2 replicas, data and metadata synced. The bare server keeps
 * what it sends in memory and forgets what it gets; "file a body" writes each body to a file of its own with one
 * fdatasync. All have the same number of threads. Each figure is the median of the runs, the servers taking turns.
 * "us/op" is processor time of the server per operation, which a busy machine disturbs less than the rate.
 *
 * With --baseline CHECKOUT the other server is another build of r2d. With --cpu-prof only r2d is loaded, and `node dist/bench/profile.js DIRECTORY` says where its time went.
 *
 * docs/performance.md
 */

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { availableParallelism, cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import type { LoadFigures } from './load-generator.ts'
import type { LoadOrder } from './load-process.ts'
import { cpuSeconds, fill, peakMemory, startBare, startR2d, stop, type Server } from './servers.ts'

const MiB = 1024 * 1024
const largeSize = 64 * MiB
const smallCount = 1000

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
  against: 'memory' | 'file'
}

interface Figures {
  rate: number
  p50: number
  p99: number
  /** Microseconds of processor time of the server per request. */
  cpu: number
}

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    runs: { type: 'string', default: '5' },
    threads: { type: 'string', default: String(availableParallelism()) },
    'cpu-prof': { type: 'string' },
    baseline: { type: 'string' }
  }
})
const runCount = Number(values.runs)
const threads = Number(values.threads)
const { baseline } = values
const profileDirectory = values['cpu-prof']
const checkout = fileURLToPath(new URL('../..', import.meta.url))

const works = [
  smallPut(32, 'file'),
  smallPut(128, 'file'),
  smallPut(32, 'memory'),
  smallRead('GET 4 KiB', 'GET'),
  smallRead('HEAD', 'HEAD'),
  large('PUT 64 MiB, one stream', 'PUT'),
  large('GET 64 MiB, one stream', 'GET')
]
  .filter(({ name }) => values.only === undefined || name.startsWith(values.only))
  // One small PUT for each number of connections, where there is but one server to compare with.
  .filter(({ size, bodySize, against }) => {
    if (baseline === undefined && profileDirectory === undefined) return true
    return size !== undefined || bodySize === 0 || against === 'file'
  })

function smallPut(connections: number, against: Work['against']): Work {
  return {
    name: `PUT 4 KiB, ${connections} connections`,
    method: 'PUT',
    path: '/bench/put-{n}',
    pathCount: 10_000,
    bodySize: 4096,
    count: 10_000,
    connections,
    against
  }
}

function smallRead(name: string, method: 'GET' | 'HEAD'): Work {
  return {
    name: `${name}, 32 connections`,
    method,
    path: '/bench/4096-{n}',
    pathCount: smallCount,
    bodySize: 0,
    count: 50_000,
    connections: 32,
    against: 'memory'
  }
}

function large(name: string, method: Work['method']): Work {
  return {
    name,
    method,
    path: `/bench/${largeSize}-{n}`,
    pathCount: 1,
    bodySize: method === 'PUT' ? largeSize : 0,
    count: 8,
    connections: 1,
    size: largeSize,
    against: 'memory'
  }
}

const directory = await mkdtemp(join(tmpdir(), 'r2d-bench-'))
const servers: Server[] = []
try {
  const r2d = await start('home', checkout)
  const others = await startOthers()

  const core = cpus()[0]?.model ?? 'unknown'
  print(`Node.js ${process.versions.node}, ${availableParallelism()} cores of ${core}`)
  print(`${threads} threads each, header-signed requests, medians of ${runCount}`)
  print('r2d: encrypted, 2 replicas, data and metadata synced before each answer\n')
  print(
    row('work', 'against', ['r2d', 'other', 'ratio', 'r2d us/op', 'other us/op', 'r2d p50/p99 ms'])
  )
  for (const work of works) {
    await compare(work, r2d, others?.[work.against])
  }
  print(`\nr2d peak memory: ${peakMemory(r2d)} kB`)
} finally {
  for (const server of servers) {
    const isProfiled = server === servers[0] && profileDirectory !== undefined
    await stop(server, isProfiled ? 'SIGTERM' : 'SIGKILL')
  }
  await rm(directory, { recursive: true, force: true })
}

async function start(name: string, from: string): Promise<Server> {
  const home = join(directory, name)
  const server = await startR2d({ home, threads, checkout: from, profileDirectory })
  servers.push(server)
  const names = Array.from({ length: smallCount }, (_, n) => `4096-${n}`)
  await fill(server, [...names, `${largeSize}-0`])
  return server
}

async function startOthers(): Promise<Record<Work['against'], Server> | undefined> {
  if (profileDirectory !== undefined) return undefined
  if (baseline !== undefined) {
    const other = await start('baseline', baseline)
    return { memory: other, file: other }
  }

  const bare = { directory, sizes: [4096, largeSize], threads }
  const memory = await startBare('memory', bare)
  const file = await startBare('file', bare)
  servers.push(memory, file)
  return { memory, file }
}

async function compare(work: Work, r2d: Server, other: Server | undefined): Promise<void> {
  const ours: Figures[] = []
  const theirs: Figures[] = []
  for (let run = 0; run < runCount; run++) {
    ours.push(await load(work, r2d))
    if (other !== undefined) theirs.push(await load(work, other))
  }

  const unit = work.size === undefined ? '/s' : ' MB/s'
  const of = (figures: Figures[], name: keyof Figures): number =>
    median(figures.map(each => each[name]))
  const [mine, its] = [of(ours, 'rate'), of(theirs, 'rate')]
  print(
    row(work.name, opponent(work), [
      `${mine.toFixed(0)}${unit}`,
      other === undefined ? '' : `${its.toFixed(0)}${unit}`,
      other === undefined ? '' : (mine / its).toFixed(2),
      of(ours, 'cpu').toFixed(0),
      other === undefined ? '' : of(theirs, 'cpu').toFixed(0),
      `${of(ours, 'p50').toFixed(1)} / ${of(ours, 'p99').toFixed(1)}`
    ])
  )
}

async function load(work: Work, server: Server): Promise<Figures> {
  const child = fork(fileURLToPath(new URL('load-process.js', import.meta.url)))
  const { name, method, path, pathCount, bodySize, count, connections, size } = work
  const { signer, port } = server
  const cpuBefore = cpuSeconds(server)
  const order: LoadOrder = { signer, port, connections, count, method, path, pathCount, bodySize }
  child.send(order)
  const [figures] = (await once(child, 'message')) as [LoadFigures]
  child.kill()
  if (figures.failures > 0) throw new Error(`${name}: ${figures.failures} requests failed`)

  const { requests, seconds, p50, p99 } = figures
  return {
    rate: size === undefined ? requests / seconds : (requests * size) / seconds / 1e6,
    p50,
    p99,
    cpu: ((cpuSeconds(server) - cpuBefore) * 1e6) / requests
  }
}

function opponent({ against }: Work): string {
  if (baseline !== undefined) return 'baseline'

  return against === 'file' ? 'file a body' : 'bare'
}

function row(work: string, against: string, cells: readonly string[]): string {
  return work.padEnd(28) + against.padEnd(12) + cells.map(cell => cell.padStart(15)).join('')
}

function median(figures: number[]): number {
  return figures.sort((a, b) => a - b)[Math.floor(figures.length / 2)] ?? 0
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}
