/**
 * An engine of which somebody is told when it meets a full disk: from then on it takes no write, until it is opened again.
 */

import { R2dError } from '../src/errors.ts'
import type { Engine } from '../src/metadata/engine.ts'

/** `onFull` is called once. */
export function noticeFull(engine: Engine, onFull: (reason: string) => void): Engine {
  let isFull = false

  return {
    name: engine.name,
    handle: engine.handle,
    get: key => engine.get(key),
    getMany: keys => engine.getMany(keys),
    scan: range => engine.scan(range),
    scanValues: range => engine.scanValues(range),
    async commit(batch) {
      try {
        await engine.commit(batch)
      } catch (error) {
        if (error instanceof R2dError && error.code === 'R2D_STORE_FULL' && !isFull) {
          isFull = true
          onFull(error.message)
        }
        throw error
      }
    },
    [Symbol.asyncDispose]: () => engine[Symbol.asyncDispose]()
  }
}
