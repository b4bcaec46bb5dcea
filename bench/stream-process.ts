/**
 * The client of `bench/streams.ts`, in a process of its own: bodies that are sent and received as streams, from and into one
 * buffer, so that what is measured is the server and not the client's garbage.
 */

import net from 'node:net'
import { requestHead, type Signer } from './signed-request.ts'

const pieceSize = 1024 * 1024

/** The content of every body: the same piece over and over. */
export const piece = Buffer.alloc(pieceSize, 7)

export interface StreamOrder {
  signer: Signer
  port: number
  method: 'GET' | 'PUT'
  paths: string[]
  /** Bytes of each body; a multiple of 1 MiB. */
  size: number
  /** SHA-256 of each body, in hex. */
  sha256: string
  /** How many streams go on at once. */
  streams: number
}

export interface StreamFigures {
  seconds: number
  /** Bytes of bodies. */
  bytes: number
}

process.on('message', (order: StreamOrder) => {
  run(order).then(
    figures => process.send?.(figures),
    (error: unknown) => {
      process.send?.({ error: String(error) })
    }
  )
})

async function run(order: StreamOrder): Promise<StreamFigures> {
  const left = [...order.paths]
  const started = performance.now()
  const streams = Array.from({ length: order.streams }, async () => {
    for (let path = left.shift(); path !== undefined; path = left.shift()) {
      await (order.method === 'PUT' ? upload(order, path) : download(order, path))
    }
  })
  await Promise.all(streams)
  return { seconds: (performance.now() - started) / 1000, bytes: order.paths.length * order.size }
}

function upload({ signer, port, size, sha256 }: StreamOrder, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ host: '127.0.0.1', port, noDelay: true })
    let left = size
    const send = (): void => {
      while (left > 0) {
        left -= piece.length
        if (!socket.write(piece)) return
      }
    }
    let answer = ''
    socket.on('connect', () => {
      socket.write(requestHead(signer, 'PUT', path, { sha256, size }))
      send()
    })
    socket.on('drain', send)
    socket.on('error', reject)
    socket.on('data', (bytes: Buffer) => {
      answer += bytes.toString('latin1')
      if (!answer.includes('\r\n\r\n')) return
      socket.destroy()
      if (answer.startsWith('HTTP/1.1 200')) resolve()
      else reject(new Error(answer))
    })
    socket.on('close', () => {
      reject(new Error('The server closed the connection'))
    })
  })
}

const emptySha256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'

function download({ signer, port, size }: StreamOrder, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let received = 0
    let headSize = 0
    const take = (count: number, buffer: Uint8Array): boolean => {
      if (headSize === 0) {
        const head = Buffer.from(buffer.buffer, buffer.byteOffset, count)
        headSize = head.indexOf('\r\n\r\n') + 4
        if (!head.toString('latin1', 0, 12).startsWith('HTTP/1.1 200') || headSize < 4) {
          reject(new Error(head.toString('latin1', 0, 1000)))
          socket.destroy()
          return false
        }
      }
      received += count
      if (received < headSize + size) return true
      socket.destroy()
      resolve()
      return false
    }
    const onread = { buffer: Buffer.allocUnsafeSlow(256 * 1024), callback: take }
    const socket = net.connect({ host: '127.0.0.1', port, noDelay: true, onread })
    socket.on('connect', () => {
      socket.write(requestHead(signer, 'GET', path, { sha256: emptySha256, size: 0 }))
    })
    socket.on('error', reject)
    socket.on('close', () => {
      reject(new Error('The server closed the connection'))
    })
  })
}
