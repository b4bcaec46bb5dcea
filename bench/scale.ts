/**
 * Listing and deletion in a bucket of a million objects.
 *
 *     npm run bench:scale [-- --count 1000000 --delete 400000 --threads 2 --checkout ../other --cpu-prof DIRECTORY]
 *
 * The store is filled while no daemon runs (bench/scale-fill.ts). Then: all pages by 32 connections at once, each
 * asked for by the key before it; all pages one after the other by continuation tokens; first pages with a delimiter; and
 * DeleteObjects of 1,000 keys each by 32 connections. The load generator has the same cores as the daemon. "us/key" is processor
 * time of the daemon, all threads, user and system, which a busy machine disturbs less than the rate.
 *
 * docs/performance.md
 */

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { Agent, request as httpRequest } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { resolveHome } from '../src/home.ts'
import type { LoadFigures } from './load-generator.ts'
import { fillWithCopies } from './scale-fill.ts'
import { innerPrefixCount, largePrefix, rootPrefixCount } from './scale-keys.ts'
import type { ScaleOrder } from './scale-process.ts'
import { cpuSeconds, fill, peakMemory, startR2d, stop, type Server } from './servers.ts'
import { requestHead } from './signed-request.ts'

const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '1000000' },
    delete: { type: 'string', default: '400000' },
    threads: { type: 'string', default: '2' },
    checkout: { type: 'string', default: fileURLToPath(new URL('../..', import.meta.url)) },
    'cpu-prof': { type: 'string' }
  }
})
const keyCount = Number(values.count)
const deleteCount = Number(values.delete)
const connections = 32
/** Behind every other key. */
const source = '4096-source'
const emptySha256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'

const agent = new Agent({ keepAlive: true, maxSockets: 1 })
const directory = await mkdtemp(join(tmpdir(), 'r2d-scale-'))
let server: Server | undefined
try {
  const home = join(directory, 'home')
  const { checkout } = values
  const options = { home, threads: Number(values.threads), checkout }
  server = await startR2d({ ...options, profileDirectory: undefined })
  await fill(server, [source])
  await stop(server, 'SIGTERM')
  const filling = performance.now()
  await fillWithCopies(resolveHome({ R2D_HOME: home }), source, keyCount)
  print(`filled with ${keyCount} objects`, `${seconds(filling).toFixed(1)} s`)

  server = await startR2d({ ...options, profileDirectory: values['cpu-prof'] })
  await printMemory(server, 'started')
  for (const count of [connections, connections, 1]) await work(server, 'list', keyCount, count)
  await listInTurn(server)
  await listFirstPage(server, '', rootPrefixCount + 1)
  await listFirstPage(server, largePrefix, innerPrefixCount)
  await printMemory(server, 'listed')
  await work(server, 'delete', deleteCount, connections)
  await printMemory(server, 'deleted')
  print('peak memory', `${peakMemory(server)} kB`)
} finally {
  agent.destroy()
  if (server !== undefined) await stop(server, 'SIGTERM')
  await rm(directory, { recursive: true, force: true })
}

async function work(
  { signer, port, process }: Server,
  kind: ScaleOrder['kind'],
  workCount: number,
  connectionCount: number
): Promise<void> {
  const child = fork(fileURLToPath(new URL('scale-process.js', import.meta.url)))
  const order: ScaleOrder = {
    signer,
    port,
    connections: connectionCount,
    kind,
    keyCount,
    workCount
  }
  const before = cpuSeconds({ signer, port, process })
  child.send(order)
  const [figures] = (await once(child, 'message')) as [LoadFigures]
  child.kill()
  if (figures.failures > 0) throw new Error(`${figures.failures} requests failed`)

  const cpu = cpuSeconds({ signer, port, process }) - before
  print(
    `${kind}, ${connectionCount} connections`,
    `${(workCount / figures.seconds).toFixed(0)} keys/s, ${((cpu * 1e6) / workCount).toFixed(2)} us/key, ` +
      `p50 ${figures.p50.toFixed(1)} ms, p99 ${figures.p99.toFixed(1)} ms`
  )
}

/** By tokens, as clients do; every key comes once. */
async function listInTurn(daemon: Server): Promise<void> {
  const started = performance.now()
  let found = 0
  let token: string | undefined = ''
  while (token !== undefined) {
    const query: string = token === '' ? '' : `continuation-token=${token}&`
    const page = await get(daemon, `/bench?${query}list-type=2`)
    found += page.split('<Key>').length - 1
    token = /<NextContinuationToken>([^<]+)/.exec(page)?.[1]
  }
  if (found !== keyCount + 1) throw new Error(`A listing has ${found} keys`)

  print('list in turn, by tokens', `${(found / seconds(started)).toFixed(0)} keys/s`)
}

async function listFirstPage(daemon: Server, prefix: string, expected: number): Promise<void> {
  const times: number[] = []
  for (let run = 0; run < 20; run++) {
    const started = performance.now()
    const query = `delimiter=%2F&list-type=2&prefix=${encodeURIComponent(prefix)}`
    const page = await get(daemon, `/bench?${query}`)
    times.push(performance.now() - started)
    const count = Number(/<KeyCount>(\d+)/.exec(page)?.[1])
    if (count !== expected) throw new Error(`The first page has ${count} entries`)
  }
  const [first = 0] = times
  const [, , , , , , , , , , median = 0] = times.toSorted((a, b) => a - b)
  print(
    `delimiter, prefix "${prefix}"`,
    `first ${first.toFixed(1)} ms, median of 20 ${median.toFixed(1)} ms`
  )
}

function get({ signer, port }: Server, path: string): Promise<string> {
  const head = requestHead(signer, 'GET', path, { sha256: emptySha256, size: 0 }).toString('latin1')
  const headers = Object.fromEntries(
    head
      .trim()
      .split('\r\n')
      .slice(1)
      .map(line => line.split(/: (.*)/).slice(0, 2))
  ) as Record<string, string>

  return new Promise((resolve, reject) => {
    httpRequest({ host: '127.0.0.1', port, path, headers, agent }, response => {
      response.setEncoding('utf8')
      let text = ''
      response.on('data', (piece: string) => (text += piece))
      response.on('end', () => {
        if (response.statusCode === 200) resolve(text)
        else reject(new Error(text))
      })
    })
      .on('error', reject)
      .end()
  })
}

async function printMemory({ process: { pid } }: Server, when: string): Promise<void> {
  await delay(3000)
  const status = readFileSync(`/proc/${pid ?? 0}/status`, 'utf8')
  const kilobytes = Number(/VmRSS:\s*(\d+)/.exec(status)?.[1])
  const files = Number(/RssFile:\s*(\d+)/.exec(status)?.[1])
  const text = `${(kilobytes / 1024).toFixed(0)} MiB, of files ${(files / 1024).toFixed(0)}`
  print(`idle memory, ${when}`, text)
}

function seconds(since: number): number {
  return (performance.now() - since) / 1000
}

function print(name: string, figures: string): void {
  process.stdout.write(`${name.padEnd(32)}${figures}\n`)
}
