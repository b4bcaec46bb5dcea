/**
 * What r2d is measured against: a bare node:http server that stores nothing, and one that
 * writes each body to a file of its own with one fdatasync.
 */

import { randomUUID } from 'node:crypto'
import { open } from 'node:fs/promises'
import http from 'node:http'
import { join } from 'node:path'

const [kind = '', directory = '', sizes = ''] = process.argv.slice(2)
const contents = new Map(sizes.split(',').map(size => [size, Buffer.alloc(Number(size), 1)]))
const empty = Buffer.alloc(0)

const server = http.createServer((request, response) => {
  if (request.method === 'GET') {
    const content = contents.get(request.url?.split('/').at(-1)?.split('-')[0] ?? '') ?? empty
    response.setHeader('content-length', content.length)
    response.end(content)
    return
  }

  const pieces: Buffer[] = []
  request.on('data', (piece: Buffer) => {
    if (kind === 'file') pieces.push(piece)
  })
  request.on('end', () => {
    if (kind !== 'file') {
      response.setHeader('content-length', 0)
      response.end()
      return
    }
    void store(pieces).then(() => {
      response.setHeader('content-length', 0)
      response.end()
    })
  })
})

async function store(pieces: Buffer[]): Promise<void> {
  const file = await open(join(directory, randomUUID()), 'wx')
  await file.writev(pieces)
  await file.datasync()
  await file.close()
}

server.listen({ host: '127.0.0.1', port: 0 }, () => {
  const address = server.address()
  process.send?.({ port: typeof address === 'object' ? address?.port : 0 })
})
