// The body of a request as its handler iterates it: all of it in order, no more than asked for, and an end to it when the client goes.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import http, { IncomingMessage, type ServerResponse } from 'node:http'
import { setImmediate as turn } from 'node:timers/promises'
import net, { type AddressInfo } from 'node:net'
import test, { type ExecutionContext } from 'ava'
import fc from 'fast-check'
import { RequestBody } from '../../src/gateway/body/request-body.ts'

type Handler = (body: RequestBody, request: IncomingMessage, response: ServerResponse) => unknown

async function serve(t: ExecutionContext, handler: Handler): Promise<number> {
  const server = http.createServer((request, response) => {
    void handler(new RequestBody(request), request, response)
  })
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  server.listen({ host: '127.0.0.1', port: 0 })
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

async function collect(body: RequestBody): Promise<Buffer> {
  const pieces: Buffer[] = []
  for await (const piece of body) pieces.push(Buffer.from(piece))
  return Buffer.concat(pieces)
}

test('a body of any size arrives whole', async t => {
  const port = await serve(t, async (body, _, response) => response.end(await collect(body)))
  const size = fc.oneof(fc.nat(100), fc.nat(3_000_000))
  const property = fc.asyncProperty(size, async length => {
    const content = randomBytes(length)
    const answer = await fetch(`http://127.0.0.1:${port}`, { method: 'POST', body: content })
    assert(content.equals(Buffer.from(await answer.arrayBuffer())))
  })

  await t.notThrowsAsync(fc.assert(property, { numRuns: 30 }))
})

test('what is not asked for stays with the client', async t => {
  const request = new IncomingMessage(new net.Socket())
  const body = new RequestBody(request)
  const piece = Buffer.alloc(65_536, 1)
  const first = body.next()
  // It flows from the next turn on.
  await turn()
  // As the parser does: true asks for more.
  let count = 0
  while (request.push(Buffer.from(piece)) && count < 100) count++

  t.true(request.isPaused())
  t.true(count < 5, `${count} pieces were taken before the client was made to wait`)
  request.push(null)
  let size = (await first).value?.length ?? 0
  for await (const each of body) size += each.length
  t.is(size, (count + 1) * piece.length)
})

test('a client that goes within its body ends the iteration with an error', async t => {
  const failed = Promise.withResolvers<unknown>()
  const port = await serve(t, async body => {
    await collect(body).catch(failed.resolve)
  })
  const socket = net.connect({ host: '127.0.0.1', port })
  socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nhello')
  await once(socket, 'connect')
  socket.end()

  t.true((await failed.promise) instanceof Error)
})

test('a client that has gone before its body is asked for ends the iteration with an error', async t => {
  const failed = Promise.withResolvers<unknown>()
  const port = await serve(t, async (body, request) => {
    await new Promise(resolve => request.once('close', resolve))
    await collect(body).catch(failed.resolve)
  })
  const socket = net.connect({ host: '127.0.0.1', port })
  socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nhello')
  await once(socket, 'connect')
  socket.end()

  t.true((await failed.promise) instanceof Error)
})

test('a body that is left in its middle can still be answered', async t => {
  const port = await serve(t, async (body, request, response) => {
    for await (const piece of body) {
      assert(piece.length > 0)
      break
    }
    request.resume()
    response.end('refused')
  })

  const answer = await fetch(`http://127.0.0.1:${port}`, {
    method: 'POST',
    body: Buffer.alloc(2_000_000)
  })
  t.is(await answer.text(), 'refused')
})
