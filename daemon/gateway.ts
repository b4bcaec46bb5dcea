/**
 * One gateway: the S3 endpoint's listener and the unix socket of local programs, over one store.
 *
 * Runs in a worker thread, or in the main thread where the metadata engine cannot be shared.
 */

import { once } from 'node:events'
import { chmodSync, rmSync } from 'node:fs'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { createGateway, type GatewayLog } from '../src/gateway/server.ts'
import { CredentialCatalog } from '../src/objects/credential-catalog.ts'
import { createObjectStore } from '../src/objects/object-store.ts'
import type { StoreContext } from '../src/objects/context.ts'
import type { ExtentReader } from '../src/storage/extent-reader.ts'
import { connectionLimit } from './connection-limit.ts'
import { zeroCounters, type Counters } from './counters.ts'
import type { GatewaySettings } from './thread-messages.ts'

/** How often a stopping gateway looks for connections that have become idle, milliseconds. */
const idleCheckMs = 20

/** What the counters are read from. */
interface CountedParts {
  counters: Counters
  sockets: ReadonlySet<Socket>
  reader: ExtentReader
}

export class Gateway {
  readonly port: number
  readonly #servers: Server[]
  readonly #socketPath: string
  /** Of the connections that are closed, as far as bytes go. */
  readonly #counters: Counters
  readonly #sockets: ReadonlySet<Socket>
  readonly #reader: ExtentReader

  private constructor(
    port: number,
    servers: Server[],
    socketPath: string,
    { counters, sockets, reader }: CountedParts
  ) {
    this.port = port
    this.#servers = servers
    this.#socketPath = socketPath
    this.#counters = counters
    this.#sockets = sockets
    this.#reader = reader
  }

  static async start(
    context: StoreContext,
    settings: GatewaySettings,
    log: GatewayLog
  ): Promise<Gateway> {
    const { host, port, threadCount, socketPath, domains, compat } = settings
    const counters = zeroCounters()
    const sockets = new Set<Socket>()
    const store = createObjectStore(context)
    const credentials = new CredentialCatalog(context.metadata, context.keyring, context.epoch)
    const open = (access: 'signed' | 'local'): Server => {
      const server = createGateway({
        store,
        credentials,
        access,
        log,
        connectionCountMax: connectionLimit(threadCount),
        // What comes by the socket is r2d's own command line, which is not what is tested for production.
        compat: access === 'local' ? 'r2' : compat,
        hostSuffixes: domains
      })
      count(server, counters, sockets)
      return server
    }

    const endpoint = open('signed')
    endpoint.listen({ host, port, reusePort: threadCount > 1 })
    await once(endpoint, 'listening')

    const local = open('local')
    // Left by a process that was killed; the store's lock is held, so nobody listens on it.
    rmSync(socketPath, { force: true })
    local.listen({ path: socketPath })
    await once(local, 'listening')
    chmodSync(socketPath, 0o600)

    const address = endpoint.address() as AddressInfo
    return new Gateway(address.port, [endpoint, local], socketPath, {
      counters,
      sockets,
      reader: context.reader
    })
  }

  get counters(): Counters {
    const { hits: cacheHits, misses: cacheMisses } = this.#reader.memoryCounters
    const counters = { ...this.#counters, cacheHits, cacheMisses }
    for (const socket of this.#sockets) addBytes(counters, socket)
    return counters
  }

  /** Takes no more, lets what is in flight finish for at most `timeoutMs`, and cuts what is left. */
  async stop(timeoutMs: number): Promise<void> {
    const closed = Promise.all(
      this.#servers.map(async server => {
        const end = once(server, 'close')
        server.close()
        await end
      })
    )
    const state = { isClosed: false }
    void closed.then(() => {
      state.isClosed = true
    })

    const deadline = Date.now() + timeoutMs
    while (!state.isClosed && Date.now() < deadline) {
      // A keep-alive connection ends once its request has: it is not waited for.
      for (const server of this.#servers) server.closeIdleConnections()
      await delay(idleCheckMs)
    }

    for (const server of this.#servers) server.closeAllConnections()
    await closed
    rmSync(this.#socketPath, { force: true })
  }
}

function count(server: Server, counters: Counters, sockets: Set<Socket>): void {
  const observe = (_request: IncomingMessage, response: ServerResponse): void => {
    counters.requests++
    counters.active++
    response.once('close', () => {
      counters.active--
      if (response.statusCode >= 500) counters.failures++
    })
  }
  server.on('request', observe)
  // A request that waits to be told to send its body comes by another event.
  server.on('checkContinue', observe)
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('close', () => {
      sockets.delete(socket)
      addBytes(counters, socket)
    })
  })
}

function addBytes(counters: Counters, { bytesRead, bytesWritten }: Socket): void {
  counters.received += bytesRead
  counters.sent += bytesWritten
}
