/**
 * What r2d is measured against, with as many threads on one port as r2d has gateways: a bare node:http server that stores
 * nothing, and one that writes each body to a file of its own with one fdatasync.
 *
 *     node bare-server.js memory|file DIRECTORY SIZES THREADS
 */

import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { open } from 'node:fs/promises'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'

interface Settings {
  kind: string
  directory: string
  /** Bytes of the contents that there are; a path ends in `/SIZE-n`. */
  sizes: number[]
  port: number
}

if (isMainThread) await startThreads()
else await serve(workerData as Settings)

async function startThreads(): Promise<void> {
  const [kind = '', directory = '', sizes = '', threads = ''] = process.argv.slice(2)
  let port = 0
  for (let n = 0; n < Number(threads); n++) {
    const settings = { kind, directory, sizes: sizes.split(',').map(Number), port }
    const worker = new Worker(fileURLToPath(import.meta.url), { workerData: settings })
    // The first takes any port that is free, the others share it.
    const [taken] = (await once(worker, 'message')) as [number]
    port = taken
  }
  process.send?.({ port })
}

async function serve({ kind, directory, sizes, port }: Settings): Promise<void> {
  const contents = new Map(sizes.map(size => [String(size), Buffer.alloc(size, 1)]))
  const empty = Buffer.alloc(0)

  const server = http.createServer((request, response) => {
    if (request.method !== 'PUT') {
      const content = contents.get(request.url?.split('/').at(-1)?.split('-')[0] ?? '') ?? empty
      response.setHeader('content-length', content.length)
      response.end(request.method === 'HEAD' ? undefined : content)
      return
    }

    const pieces: Buffer[] = []
    request.on('data', (piece: Buffer) => {
      if (kind === 'file') pieces.push(piece)
    })
    request.on('end', () => {
      const stored = kind === 'file' ? store(directory, pieces) : Promise.resolve()
      void stored.then(() => {
        response.setHeader('content-length', 0)
        response.end()
      })
    })
  })

  server.listen({ host: '127.0.0.1', port, reusePort: true })
  await once(server, 'listening')
  parentPort?.postMessage((server.address() as AddressInfo).port)
}

async function store(directory: string, pieces: Buffer[]): Promise<void> {
  const file = await open(join(directory, randomUUID()), 'wx')
  await file.writev(pieces)
  await file.datasync()
  await file.close()
}
