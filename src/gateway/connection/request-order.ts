/**
 * The order of requests on a connection: one after the other as they came, however early a client sends them.
 *
 * Node.js hands over what it has parsed, several requests at once where a client pipelines. Side by side, a GET would not
 * see the PUT in front of it (RFC 9112 section 9.3.2), and each would hold its own part of an object in memory. So a
 * request waits until the one before it is answered, and nothing further is read from the connection meanwhile.
 *
 * Bytes that are no request have their turn, too: their refusal comes behind the answers to what was in front of them.
 */

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** After the last answer: how long a client that goes on sending has to read it, milliseconds. */
const lingerMs = 2_000

interface Waiting {
  /** Undefined: what waits is no request. */
  response: ServerResponse | undefined
  start: () => void
}

interface Line {
  /** The latest; answered, being answered, or the last of `waiting`. */
  request: IncomingMessage
  response: ServerResponse
  waiting: Waiting[]
}

const lines = new WeakMap<Socket, Line>()
const closing = new WeakSet<Socket>()

/** Calls `start` once every earlier request of the connection is answered, or never if the connection ends before. */
export function inTurn(
  request: IncomingMessage,
  response: ServerResponse,
  start: () => void
): void {
  const { socket } = request
  const line = lines.get(socket)
  if (line === undefined) {
    lines.set(socket, { request, response, waiting: [] })
    start()
    return
  }

  const before = line.response
  line.request = request
  line.response = response
  if (hasEnded(socket)) dismiss(response)
  else if (line.waiting.length === 0 && isOver(before)) start()
  else wait(socket, line, before, { response, start })
}

/**
 * The connection cannot go on: what was received is not HTTP. `answer` is the whole response. It is sent if the
 * request that it is for has no other, behind the answers to those before; then the connection ends.
 */
export function endInTurn(socket: Socket, answer: string): void {
  if (closing.has(socket)) return
  closing.add(socket)

  const finish = (): void => {
    end(socket, answer)
  }
  const line = lines.get(socket)
  if (line === undefined) {
    finish()
    return
  }

  const { request, response, waiting } = line
  if (request.complete) {
    if (waiting.length === 0 && isOver(response)) finish()
    else wait(socket, line, response, { response: undefined, start: finish })
    return
  }

  // It is the body of the latest request that broke.
  const unstarted = waiting.at(-1)
  if (unstarted !== undefined) {
    if (unstarted.response !== undefined) dismiss(unstarted.response)
    unstarted.response = undefined
    unstarted.start = finish
  } else if (!response.headersSent) finish()
  else if (response.writableEnded) end(socket, '')
  else socket.destroy()
}

/** Whether what is still to come is of the body of a request. */
export function isWithinBody(socket: Socket): boolean {
  return lines.get(socket)?.request.complete === false
}

function wait(socket: Socket, line: Line, before: ServerResponse, waiting: Waiting): void {
  line.waiting.push(waiting)
  socket.pause()
  if (line.waiting.length > 1) return

  before.once('close', () => {
    startNext(socket, line)
  })
}

function startNext(socket: Socket, line: Line): void {
  if (hasEnded(socket)) {
    for (const { response } of line.waiting.splice(0)) if (response !== undefined) dismiss(response)
    return
  }

  const next = line.waiting.shift()
  if (next === undefined) return
  if (line.waiting.length === 0) socket.resume()
  else {
    socket.pause()
    next.response?.once('close', () => {
      startNext(socket, line)
    })
  }
  next.start()
}

/** Node.js forgets the responses that never had their turn: their end is told here. */
function dismiss(response: ServerResponse): void {
  response.destroy()
  response.emit('close')
}

/** What was the last answer has been given; what was received behind that request is none of ours. */
function hasEnded(socket: Socket): boolean {
  return socket.destroyed || socket.writableEnded
}

function isOver(response: ServerResponse): boolean {
  return response.writableFinished || response.destroyed
}

/** Closing at once would reset the connection under a client that is still sending, and the answer be lost. */
function end(socket: Socket, answer: string): void {
  const timer = setTimeout(() => {
    socket.destroy()
  }, lingerMs)
  socket.once('close', () => {
    clearTimeout(timer)
  })
  socket.end(answer)
}
