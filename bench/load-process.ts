/**
 * The load generator's process: takes one load over IPC, runs it, and answers with its figures.
 */

import { runLoad } from './load-generator.ts'
import { signedRequest, type Signer } from './signed-request.ts'

export interface LoadOrder {
  signer: Signer
  port: number
  connections: number
  count: number
  method: 'GET' | 'HEAD' | 'PUT'
  /** `{n}` is the number of the request. */
  path: string
  /** How many different paths there are. */
  pathCount: number
  bodySize: number
}

process.on('message', (order: LoadOrder) => {
  const { signer, port, connections, count, method, path, pathCount, bodySize } = order
  const body = Buffer.alloc(bodySize, 7)
  const requests = Array.from({ length: pathCount }, (_, n) =>
    signedRequest(signer, method, path.replace('{n}', String(n)), body)
  )
  const request = (n: number): Uint8Array => requests[n % pathCount] ?? body
  void runLoad({ host: '127.0.0.1', port, connections, count, request, method }).then(figures => {
    process.send?.(figures)
  })
})
