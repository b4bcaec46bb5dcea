/**
 * The load generator's process of `bench/scale.ts`: pages of a listing, or deletions of a thousand keys each.
 */

import { runLoad } from './load-generator.ts'
import { keyOf } from './scale-keys.ts'
import { signedRequest, type Signer } from './signed-request.ts'

export const pageSize = 1000

export interface ScaleOrder {
  signer: Signer
  port: number
  connections: number
  kind: 'list' | 'delete'
  /** Keys in the store, and those that are asked for: from the first on. */
  keyCount: number
  workCount: number
}

process.on('message', (order: ScaleOrder) => {
  const { port, connections, kind, workCount } = order
  const count = workCount / pageSize
  const requests = Array.from({ length: count }, (_, page) => requestOf(order, page))
  const none = new Uint8Array()
  const request = (n: number): Uint8Array => requests[n] ?? none
  const method = kind === 'list' ? 'GET' : 'POST'
  void runLoad({ host: '127.0.0.1', port, connections, count, request, method }).then(figures => {
    process.send?.(figures)
  })
})

/** A page is asked for by the last key before it, so that many are at once. */
function requestOf({ signer, kind, keyCount }: ScaleOrder, page: number): Buffer {
  const first = page * pageSize
  if (kind === 'list') {
    const after =
      first === 0 ? '' : `&start-after=${encodeURIComponent(keyOf(first - 1, keyCount))}`
    return signedRequest(signer, 'GET', `/bench?list-type=2${after}`)
  }

  const objects = Array.from(
    { length: pageSize },
    (_, n) => `<Object><Key>${keyOf(first + n, keyCount)}</Key></Object>`
  )
  const body = Buffer.from(`<Delete><Quiet>true</Quiet>${objects.join('')}</Delete>`)
  return signedRequest(signer, 'POST', '/bench?delete=', body)
}
