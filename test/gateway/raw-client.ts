// Bytes to a gateway over a socket, as no HTTP library would send them, and the answers to them.

import net from 'node:net'

export type Address = { path: string } | { host: string; port: number }

export function addressOf(endpoint: string): Address {
  const { hostname, port } = new URL(endpoint)
  return { host: hostname, port: Number(port) }
}

export interface Talk {
  /** Everything that came, as Latin-1. */
  text: string
  /** `status code` of each answer in order; the S3 error code, if it has one. */
  answers: string[]
  /** A connection that was reset says so. */
  error: string | undefined
}

/**
 * Sends each piece by itself, then says that nothing more will come, and takes what comes until the other side ends. Each
 * piece after the first waits for something to have been received, if it is given as a function.
 */
export async function talk(
  address: Address,
  pieces: (string | Buffer | (() => string | Buffer))[],
  { isHalfClosed = true } = {}
): Promise<Talk> {
  const socket = net.connect({ ...address, allowHalfOpen: true })
  const received: Buffer[] = []
  let wake: () => void = () => undefined
  socket.on('data', (chunk: Buffer) => {
    received.push(chunk)
    wake()
  })
  const error = new Promise<string | undefined>(resolve => {
    socket.once('end', () => {
      resolve(undefined)
    })
    socket.once('error', ({ code }: NodeJS.ErrnoException) => {
      resolve(code ?? 'error')
    })
  })

  for (const piece of pieces) {
    if (typeof piece === 'function') {
      const something = new Promise<void>(resolve => {
        wake = resolve
      })
      await Promise.race([something, error])
    }
    const bytes = typeof piece === 'function' ? piece() : piece
    if (!socket.destroyed) socket.write(typeof bytes === 'string' ? Buffer.from(bytes) : bytes)
  }
  if (isHalfClosed) socket.end()
  const outcome = await error
  socket.destroy()

  const text = Buffer.concat(received).toString('latin1')
  return { text, answers: answersIn(text), error: outcome }
}

function answersIn(text: string): string[] {
  return text
    .split(/(?=HTTP\/1\.1 \d{3} )/)
    .filter(part => part.startsWith('HTTP/1.1 '))
    .map(part => {
      const code = /<Code>([^<]*)<\/Code>/.exec(part)?.[1]
      return part.slice(9, 12) + (code === undefined ? '' : ` ${code}`)
    })
}
