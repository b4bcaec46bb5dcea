/**
 * A load generator that costs little: raw sockets, requests that are bytes already, answers that are counted.
 *
 * It shares the machine with the server that it measures, so what it spends would count against the server. Runs in a process
 * of its own (`bench/load-process.ts`).
 */

import net from 'node:net'

export interface Load {
  host: string
  port: number
  connections: number
  /** Requests in all. */
  count: number
  /** The n-th request: head and body. */
  request: (n: number) => Uint8Array
  /** The answer to HEAD has a length and no body. */
  method: string
}

export interface LoadFigures {
  seconds: number
  requests: number
  /** Answers with another status than 2xx. */
  failures: number
  bytesReceived: number
  /** Milliseconds. */
  p50: number
  p99: number
}

const headEnd = Buffer.from('\r\n\r\n')

export async function runLoad(load: Load): Promise<LoadFigures> {
  const latencies: number[] = []
  const totals = { next: 0, failures: 0, bytesReceived: 0 }
  const started = performance.now()
  await Promise.all(
    Array.from({ length: load.connections }, () => runConnection(load, totals, latencies))
  )
  const seconds = (performance.now() - started) / 1000

  latencies.sort((a, b) => a - b)
  const percentile = (share: number): number => latencies[Math.floor(latencies.length * share)] ?? 0
  return {
    seconds,
    requests: latencies.length,
    failures: totals.failures,
    bytesReceived: totals.bytesReceived,
    p50: percentile(0.5),
    p99: percentile(0.99)
  }
}

/** One request at a time; the next as soon as the answer is whole. */
function runConnection(
  { host, port, count, request, method }: Load,
  totals: { next: number; failures: number; bytesReceived: number },
  latencies: number[]
): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ host, port, noDelay: true })
    let head: Buffer = Buffer.alloc(0)
    let bodyLeft = -1
    let sentAt = 0

    const send = (): void => {
      if (totals.next >= count) {
        socket.end()
        resolve()
        return
      }
      sentAt = performance.now()
      socket.write(request(totals.next++))
    }
    const finish = (): void => {
      latencies.push(performance.now() - sentAt)
      bodyLeft = -1
      head = Buffer.alloc(0)
      send()
    }

    socket.on('connect', send)
    socket.on('error', reject)
    socket.on('close', () => {
      if (bodyLeft !== -1 || head.length > 0) reject(new Error('The server closed a connection'))
    })
    socket.on('data', (chunk: Buffer) => {
      totals.bytesReceived += chunk.length
      let body = chunk
      if (bodyLeft === -1) {
        head = head.length === 0 ? chunk : Buffer.concat([head, chunk])
        const end = head.indexOf(headEnd)
        if (end === -1) return
        const text = head.toString('latin1', 0, end)
        if (text.charCodeAt(9) !== 50) totals.failures++
        body = head.subarray(end + headEnd.length)
        bodyLeft = method === 'HEAD' ? 0 : contentLength(text)
      }
      bodyLeft -= body.length
      if (bodyLeft === 0) finish()
    })
  })
}

function contentLength(head: string): number {
  const match = /\r\ncontent-length: *(\d+)/i.exec(head)

  return match === null ? 0 : Number(match[1])
}
