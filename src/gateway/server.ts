/**
 * The gateway's HTTP server: accept, authenticate, route, answer.
 *
 * The one place where an error becomes a response. An error after the head has been sent cuts the connection: a body
 * that ends short of its Content-Length is not taken for whole. A failed assertion is no answer at all: it stops
 * the process.
 */

import { AssertionError } from 'node:assert'
import { randomBytes } from 'node:crypto'
import http, {
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type Server,
  type ServerResponse
} from 'node:http'
import type { Socket } from 'node:net'
import type { Credentials, Store } from '../objects/store.ts'
import { openBody, readPayload } from './body/verified-body.ts'
import type { Compat } from './compat.ts'
import { withHoistedHeaders } from './auth/hoisted-headers.ts'
import { answerPreflight, crossOriginHeaders } from './cors.ts'
import { endInTurn, inTurn, isWithinBody } from './connection/request-order.ts'
import { faultOfHead, headerCountMax } from './connection/request-head.ts'
import { bodyOf } from './body/request-body.ts'
import type { S3Response } from './s3/operation.ts'
import { isPostPolicy, route } from './s3/route.ts'
import { notImplemented, S3Error, toS3Error } from './s3/s3-error.ts'
import { errorDocument } from './s3/xml.ts'
import { authenticate, type SigningContext } from './auth/signature-v4.ts'
import { parseTarget } from './connection/target.ts'

/** Bytes of a request's head: R2's 8 KiB of metadata, encoded, a presigned query, and what proxies add. */
const headSizeMax = 48 * 1024
/** Until the head of a request is complete, milliseconds. */
const headTimeoutMs = 30_000
/** Without a byte in either direction, milliseconds: a body that stalls for so long is not waited for. */
const idleTimeoutMs = 120_000
/** Between requests of a connection, milliseconds; clients' pools keep theirs for less. */
const keepAliveTimeoutMs = 75_000
/** How often heads that take too long are looked for, milliseconds. */
const headCheckIntervalMs = 5_000
/** Of a body that is refused: read and dropped up to so much, so that the client comes to read the answer. */
const drainSizeMax = 4 * 1024 * 1024
const drainTimeoutMs = 2_000

type LogLine = (message: string, fields: Record<string, unknown>) => void

export interface GatewayLog {
  info: LogLine
  warn: LogLine
  error: LogLine
}

export interface GatewayOptions {
  store: Store
  credentials: Credentials
  /** `local`: a unix socket that only its owner can open is authentication enough. */
  access: 'signed' | 'local'
  /** Under which buckets are host names, such as `localhost`. */
  hostSuffixes: readonly string[]
  compat: Compat
  /** One more is closed at once. Each costs a descriptor: the data files are not to be short of them. */
  connectionCountMax: number
  log: GatewayLog
  /** Milliseconds since the epoch. */
  now?: () => number
}

export function createGateway(options: GatewayOptions): Server {
  const server = http.createServer({
    maxHeaderSize: headSizeMax,
    headersTimeout: headTimeoutMs,
    connectionsCheckingInterval: headCheckIntervalMs,
    // A body may take as long as it likes, as long as it moves.
    requestTimeout: 0,
    keepAliveTimeout: keepAliveTimeoutMs,
    // It is checked with the rest of the head, and refused with a document.
    requireHostHeader: false,
    // A request without a body has nothing to say after its head: no events for it.
    optimizeEmptyRequests: true,
    noDelay: true
  })
  server.setTimeout(idleTimeoutMs)
  server.maxConnections = options.connectionCountMax
  // One more is enough to see that there are too many.
  server.maxHeadersCount = headerCountMax + 1
  // A client that has sent all it wants to send may say so, and still gets its answer.
  Object.assign(server, { httpAllowHalfOpen: true })

  const listener = (expectation: Expectation) => {
    return (request: IncomingMessage, response: ServerResponse): void => {
      inTurn(request, response, () => {
        handle(options, request, response, expectation).catch((error: unknown) => {
          // Out of the promise, so that it is an uncaught exception of this thread.
          setImmediate(() => {
            throw error
          })
        })
      })
    }
  }
  server.on('request', listener('none'))
  server.on('checkContinue', listener('continue'))
  server.on('checkExpectation', listener('unknown'))
  server.on('connect', (_request: IncomingMessage, socket: Socket) => {
    endInTurn(socket, wholeResponse('404 Not Found', new S3Error('RouteNotFound')))
  })
  server.on('clientError', answerUnparsable)
  return server
}

/** What `Expect` asks for: `continue` sends the body only when told to. */
type Expectation = 'none' | 'continue' | 'unknown'

const requestIdPrefix = randomBytes(6).toString('hex')
let requestCount = 0

/** Unique among all requests of all threads, and cheap: what it names is only looked for in a log. */
function nextRequestId(): string {
  requestCount = (requestCount + 1) % 0x1_0000_0000
  return requestIdPrefix + requestCount.toString(16).padStart(8, '0')
}

function ignore(): void {
  // See where it is given.
}

async function handle(
  options: GatewayOptions,
  request: IncomingMessage,
  response: ServerResponse,
  expectation: Expectation
): Promise<void> {
  const client = { waits: expectation !== 'none' }
  // A connection that is gone makes each write to it an error; `close` says all that there is to know.
  response.on('error', ignore)
  const requestId = nextRequestId()
  try {
    requireSoundHead(request, response, expectation)
    const answer = await answerTo(options, request, response, client)
    // Its body may or may not come now: nothing can follow on this connection.
    if (client.waits && !request.complete) response.setHeader('connection', 'close')
    await send(request, response, answer, requestId)
  } catch (error) {
    if (error instanceof AssertionError) {
      response.destroy()
      throw error
    }
    refuse(options, request, response, { error, requestId, client })
  }
}

function requireSoundHead(
  request: IncomingMessage,
  response: ServerResponse,
  expectation: Expectation
): void {
  // Node.js stops reading requests behind one that offers to speak something else.
  if (request.headers.upgrade !== undefined) response.setHeader('connection', 'close')
  const fault = faultOfHead(request)
  if (fault !== undefined) {
    response.setHeader('connection', 'close')
    throw fault
  }
  if (expectation === 'unknown') throw new S3Error('ExpectationFailed')
}

async function answerTo(
  { store, credentials, access, hostSuffixes, compat, now = Date.now }: GatewayOptions,
  request: IncomingMessage,
  response: ServerResponse,
  client: { waits: boolean }
): Promise<S3Response> {
  const { method = '', url = '', headers: received } = request
  const target = parseTarget(url, received.host, hostSuffixes)
  if (method === 'OPTIONS') return answerPreflight(store, target, received)
  if (received.origin !== undefined && target.bucket !== undefined) {
    const { bucket } = target
    const added = await crossOriginHeaders(store, bucket, method, received.origin)
    for (const [name, value] of Object.entries(added)) response.setHeader(name, value ?? '')
  }

  let signing: SigningContext | undefined
  if (access === 'signed') {
    if (isPostPolicy(method, target, received)) {
      throw notImplemented('Presigned post requests are not yet implemented')
    }
    const mark = url.indexOf('?')
    const rawQuery = mark === -1 ? '' : url.slice(mark + 1)
    signing = await authenticate(
      { method, headers: received, target, rawQuery },
      { credentials, isLocation: async name => store.hasLocation(name), compat, now: now() }
    )
  }

  /** The client is told to send only once somebody reads: what is refused before costs no upload. */
  async function* asked(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    client.waits = false
    response.writeContinue()
    yield* source
  }

  const payload = readPayload(received, compat)
  const headers = withHoistedHeaders(received, target.query, compat)
  const operation = route(method, target, headers, compat)
  return operation({
    store,
    compat,
    method,
    bucket: target.bucket ?? '',
    key: target.key ?? '',
    query: target.query,
    headers,
    body: options => {
      const source = bodyOf(request)
      return openBody(headers, client.waits ? asked(source) : source, payload, {
        signing,
        compat,
        ...options
      })
    }
  })
}

async function send(
  request: IncomingMessage,
  response: ServerResponse,
  { status, headers = {}, body }: S3Response,
  requestId: string
): Promise<void> {
  // All headers in one call: those that are set one by one before it are gathered, checked and sorted anew.
  headers['x-amz-request-id'] = requestId
  headers['server'] = 'r2d'
  if (body === undefined || Buffer.isBuffer(body)) {
    if (body !== undefined) headers['content-length'] = body.length
    else if (status !== 304 && status !== 204) headers['content-length'] ??= 0
    response.writeHead(status, headers)
    response.end(request.method === 'HEAD' ? undefined : body)
    return
  }

  try {
    response.writeHead(status, headers)
  } catch (error) {
    await body[Symbol.asyncIterator]().return?.()
    throw error
  }
  const waiting = { end: (): void => undefined }
  response.once('close', () => {
    waiting.end()
  })
  for await (const chunk of body) {
    if (response.destroyed) return
    // The memory of the chunk is its sender's again once the next is asked for: so not before the kernel has taken this
    // one. Whichever comes first: it has, or the client has gone.
    await new Promise<void>(resolve => {
      waiting.end = resolve
      response.write(chunk, () => {
        resolve()
      })
    })
  }
  response.end()
}

function refuse(
  { log }: GatewayOptions,
  request: IncomingMessage,
  response: ServerResponse,
  { error, requestId, client }: { error: unknown; requestId: string; client: { waits: boolean } }
): void {
  const { method = '' } = request
  // A body that breaks off is the client's going away, whatever stage it is met in.
  const hasLeft = request.errored !== null && !request.complete
  const s3Error = hasLeft ? new S3Error('ClientDisconnect') : toS3Error(error)
  if (s3Error.status >= 500 && !isClientsFault(s3Error)) {
    const { cause } = s3Error
    const reason = cause instanceof Error ? (cause.stack ?? cause.message) : s3Error.message
    log.error('a request failed', { requestId, method, code: s3Error.code, reason })
  }
  if (response.headersSent || hasLeft) {
    response.destroy()
    return
  }

  const document = errorDocument(s3Error)
  const isHead = method === 'HEAD'
  const headers: OutgoingHttpHeaders = {
    'x-amz-request-id': requestId,
    server: 'r2d',
    'content-length': isHead ? 0 : document.length
  }
  if (!isHead) headers['content-type'] = 'application/xml'
  // A client that was not told to send its body may or may not send it: nothing can follow on this connection.
  if (client.waits) headers['connection'] = 'close'
  else if (!request.complete) drain(request)
  response.writeHead(s3Error.status, headers)
  response.end(isHead ? undefined : document)
}

function isClientsFault({ code }: S3Error): boolean {
  return code === 'NotImplemented' || code === 'HttpVersionNotSupported'
}

/** Closing at once would reset the connection under a client that is still sending, and its answer be lost. */
function drain(request: IncomingMessage): void {
  let size = 0
  const end = setTimeout(() => {
    request.destroy()
  }, drainTimeoutMs)
  request.on('data', (chunk: Buffer) => {
    size += chunk.length
    if (size > drainSizeMax) request.destroy()
  })
  request.on('close', () => {
    clearTimeout(end)
  })
  request.on('error', () => {
    clearTimeout(end)
  })
  request.resume()
}

function answerUnparsable(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const refusal = refusals.get(error.code ?? '') ?? notHttp
  endInTurn(socket, isWithinBody(socket) ? refusal.ofBody : refusal.ofHead)
}

interface Refusal {
  /** The whole response where the fault is in a head, and in a body. */
  ofHead: string
  ofBody: string
}

function refusalOf(status: string, ofHead: S3Error, ofBody = ofHead): Refusal {
  return { ofHead: wholeResponse(status, ofHead), ofBody: wholeResponse(status, ofBody) }
}

const badRequest = '400 Bad Request'
const notHttp = refusalOf(
  badRequest,
  new S3Error('InvalidRequest', 'The request is not valid HTTP')
)

const refusals = new Map([
  [
    'HPE_HEADER_OVERFLOW',
    refusalOf('431 Request Header Fields Too Large', new S3Error('MetadataTooLarge'))
  ],
  ['ERR_HTTP_REQUEST_TIMEOUT', refusalOf(badRequest, new S3Error('RequestTimeout'))],
  [
    // The client said that it has nothing more to send.
    'HPE_INVALID_EOF_STATE',
    refusalOf(
      badRequest,
      new S3Error('InvalidRequest', 'The request ends within its head'),
      new S3Error('IncompleteBody')
    )
  ]
])

function wholeResponse(status: string, error: S3Error): string {
  const document = errorDocument(error)

  return (
    `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Type: application/xml\r\n` +
    `Content-Length: ${document.length}\r\n\r\n${document.toString()}`
  )
}
