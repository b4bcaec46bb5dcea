/**
 * Large bodies: how fast one stream goes each way, and what many at once take of memory.
 *
 *     npm run bench:streams [-- --streams 64 --upload 128 --download 1024 --large 5120 --only 'PUT 64']
 *
 * Sizes in MiB. r2d acknowledges what is encrypted, on 2 replicas, data and metadata synced; requests are
 * signed in their headers, with the SHA-256 of the body. Beside it in the same run: this machine's MD5 over the same bytes, a bare node:http
 * server that sends the same from memory, and the disk itself (two files written at once in 4 MiB pieces, each piece
 * followed by fdatasync). `TMPDIR=/dev/shm` takes the disk out of it.
 */

import { fork, spawn, type ChildProcess } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { ControlClient } from '../src/control/client.ts'
import { resolveHome } from '../src/home.ts'
import type { Signer } from './signed-request.ts'
import type { StreamFigures, StreamOrder } from './stream-process.ts'

const MiB = 1024 * 1024
const size = 64 * MiB
const bodiesPerRun = 6
const piece = Buffer.alloc(MiB, 7)
/** In hex, by size. */
const sha256s = new Map<number, string>()

const { values } = parseArgs({
  options: {
    streams: { type: 'string', default: '64' },
    upload: { type: 'string', default: '128' },
    download: { type: 'string', default: '1024' },
    large: { type: 'string', default: '0' },
    runs: { type: 'string', default: '5' },
    only: { type: 'string', default: '' },
    /** Another checkout of r2d, built: to compare with. */
    root: { type: 'string', default: fileURLToPath(new URL('../..', import.meta.url)) }
  }
})

interface Server {
  child: ChildProcess
  port: number
  signer: Signer
}

interface Measured {
  /** MB/s. */
  rate: number
  /** Nanoseconds of the server's CPU for each byte. */
  cpu: number
}

const directory = await mkdtemp(join(tmpdir(), 'r2d-streams-'))
const children: ChildProcess[] = []
try {
  const r2d = await startR2d()
  if (isWanted('PUT 64 MiB')) await measureUploads(r2d)
  if (isWanted('GET 64 MiB')) await measureDownloads(r2d)
  if (isWanted('streams')) await measureMany(r2d)
  if (Number(values.large) > 0) await measureLarge(r2d)
} finally {
  for (const child of children) child.kill('SIGKILL')
  for (const child of children) {
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  }
  await rm(directory, { recursive: true, force: true })
}

async function measureUploads(r2d: Server): Promise<void> {
  const md5: number[] = []
  const disk: number[] = []
  const puts: Measured[] = []
  for (let run = 0; run < Number(values.runs); run++) {
    md5.push(measureMd5())
    puts.push(await measure(r2d, 'PUT', paths('put', bodiesPerRun, run), size, 1))
    disk.push(await measureDisk())
  }
  const [put, hash] = [median(puts.map(({ rate }) => rate)), median(md5)]
  print(`MD5                        ${mbs(hash)}`)
  print(`two files, synced          ${mbs(median(disk))}`)
  print(`PUT 64 MiB, one stream     ${mbs(put)}   ${(put / hash).toFixed(2)} of MD5   ${cpu(puts)}`)
  printMemory(r2d)
}

async function measureDownloads(r2d: Server): Promise<void> {
  const bare = await startBare()
  await measure(r2d, 'PUT', [`/bench/${size}-0`], size, 1)
  const all = Array.from({ length: bodiesPerRun * 2 }, () => `/bench/${size}-0`)
  const ours: Measured[] = []
  const theirs: Measured[] = []
  for (let run = 0; run < Number(values.runs); run++) {
    ours.push(await measure(r2d, 'GET', all, size, 1))
    theirs.push(await measure(bare, 'GET', all, size, 1))
  }
  const [get, base] = [median(ours.map(({ rate }) => rate)), median(theirs.map(({ rate }) => rate))]
  print(`bare GET 64 MiB            ${mbs(base)}                  ${cpu(theirs)}`)
  print(`GET 64 MiB, one stream     ${mbs(get)}   ${(get / base).toFixed(2)} of bare  ${cpu(ours)}`)
  printMemory(r2d)
}

/** Uploads and downloads at once; the object that is read is there before the clock starts. */
async function measureMany(r2d: Server): Promise<void> {
  const count = Number(values.streams)
  const [up, down] = [Number(values.upload) * MiB, Number(values.download) * MiB]
  await measure(r2d, 'PUT', ['/bench/large'], down, 1)
  const reads = Array.from({ length: count }, () => '/bench/large')
  resetPeak(r2d)
  const [puts, gets] = await Promise.all([
    measure(r2d, 'PUT', paths('many', count, 0), up, count),
    measure(r2d, 'GET', reads, down, count)
  ])
  print(`${count} streams of ${up / MiB} MiB up      ${mbs(puts.rate)}`)
  print(`${count} streams of ${down / MiB} MiB down   ${mbs(gets.rate)}`)
  printMemory(r2d)
}

async function measureLarge(r2d: Server): Promise<void> {
  const bytes = Number(values.large) * MiB
  for (const method of ['PUT', 'GET'] as const) {
    resetPeak(r2d)
    const { rate } = await measure(r2d, method, ['/bench/one'], bytes, 1)
    print(`${method} ${bytes / MiB} MiB             ${mbs(rate)}`)
    printMemory(r2d)
  }
}

async function measure(
  { child, port, signer }: Server,
  method: StreamOrder['method'],
  pathsOf: string[],
  bytes: number,
  streams: number
): Promise<Measured> {
  const client = fork(fileURLToPath(new URL('stream-process.js', import.meta.url)))
  children.push(client)
  const sha256 = sha256Of(bytes)
  const before = cpuSeconds(child)
  const order = { signer, port, method, paths: pathsOf, size: bytes, sha256, streams }
  client.send(order satisfies StreamOrder)
  const [answer] = (await once(client, 'message')) as [StreamFigures | { error: string }]
  client.kill()
  if ('error' in answer) throw new Error(answer.error)

  const spent = cpuSeconds(child) - before
  return { rate: answer.bytes / answer.seconds / 1e6, cpu: (spent * 1e9) / answer.bytes }
}

function measureMd5(): number {
  const hash = createHash('md5')
  const started = performance.now()
  for (let n = 0; n < size / MiB; n++) hash.update(piece)
  hash.digest()
  return size / (performance.now() - started) / 1e3
}

/** What the disk takes, in bytes of content: each is written to both files. */
async function measureDisk(): Promise<number> {
  const buffer = Buffer.alloc(4 * MiB, 7)
  const started = performance.now()
  const write = async (n: number): Promise<void> => {
    const path = join(directory, `disk-${n}`)
    const file = await open(path, 'wx')
    for (let offset = 0; offset < 4 * size; offset += buffer.length) {
      await file.write(buffer, 0, buffer.length, offset)
      await file.datasync()
    }
    await file.close()
  }
  await Promise.all([write(1), write(2)])
  const rate = (4 * size) / (performance.now() - started) / 1e3
  await Promise.all([1, 2].map(n => rm(join(directory, `disk-${n}`))))
  return rate
}

function sha256Of(bytes: number): string {
  const known = sha256s.get(bytes)
  if (known !== undefined) return known

  const hash = createHash('sha256')
  for (let n = 0; n < bytes / MiB; n++) hash.update(piece)
  const digest = hash.digest('hex')
  sha256s.set(bytes, digest)
  return digest
}

async function startR2d(): Promise<Server> {
  const environment = {
    ...process.env,
    R2D_HOME: join(directory, 'home'),
    R2D_S3_PORT: '0',
    R2D_BUCKET: 'bench'
  }
  const launcher = join(resolve(values.root), 'bin', 'r2d')
  const child = spawn(
    process.execPath,
    [...process.execArgv, launcher, 'daemon', 'start', '--foreground'],
    { env: environment, stdio: ['ignore', 'ignore', 'ignore'], cwd: directory }
  )
  children.push(child)
  const control = new ControlClient(resolveHome(environment))
  for (;;) {
    const status = await control.status().catch(() => undefined)
    if (status !== undefined) {
      const [credential] = await control.credentials()
      if (credential === undefined) throw new Error('The daemon has no access key')
      const host = status.endpoint.replace('http://', '')
      return { child, port: Number(host.split(':')[1]), signer: { host, ...credential } }
    }
    await delay(50)
  }
}

async function startBare(): Promise<Server> {
  const child = fork(fileURLToPath(new URL('bare-server.js', import.meta.url)), [
    'memory',
    directory,
    String(size)
  ])
  children.push(child)
  const [{ port }] = (await once(child, 'message')) as [{ port: number }]
  const signer = { host: `127.0.0.1:${port}`, accessKeyId: 'none', secretAccessKey: 'none' }
  return { child, port, signer }
}

/** User and system time of a process, all threads. */
function cpuSeconds({ pid }: ChildProcess): number {
  const fields = readFileSync(`/proc/${pid ?? 'self'}/stat`, 'utf8')
    .split(') ')[1]
    ?.split(' ')
  return (Number(fields?.[11]) + Number(fields?.[12])) / 100
}

function resetPeak({ child }: Server): void {
  writeFileSync(`/proc/${child.pid ?? 'self'}/clear_refs`, '5')
}

function printMemory({ child }: Server): void {
  const status = readFileSync(`/proc/${child.pid ?? 'self'}/status`, 'utf8')
  const [peak, now] = ['VmHWM', 'VmRSS'].map(
    name => Number(new RegExp(`${name}:\\s*(\\d+)`).exec(status)?.[1]) / 1024
  )
  print(`  r2d's memory: ${peak?.toFixed(0) ?? '?'} MiB at its peak, ${now?.toFixed(0) ?? '?'} now`)
}

function paths(name: string, count: number, run: number): string[] {
  return Array.from({ length: count }, (_, n) => `/bench/${name}-${run}-${n}`)
}

function isWanted(name: string): boolean {
  return name.includes(values.only)
}

function median(numbers: number[]): number {
  return numbers.sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0
}

function cpu(measured: Measured[]): string {
  return `${median(measured.map(each => each.cpu)).toFixed(2)} ns/B of CPU`
}

function mbs(rate: number): string {
  return `${rate.toFixed(0).padStart(6)} MB/s`
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}
