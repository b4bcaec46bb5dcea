/**
 * A hashing thread: computes digests of bodies whose bytes lie in memory that it shares with the gateway's thread.
 *
 * It only reads what it is told to, in the order in which it is told, and says when it has: until then the bytes stay as
 * they are.
 */

import assert from 'node:assert/strict'
import { parentPort, workerData } from 'node:worker_threads'
import { frameSize } from '../limits.ts'
import type { Checksums } from '../metadata/object-record.ts'
import { Digests } from './digests.ts'
import type { DigestName } from './store.ts'

export type ToHasher =
  | { kind: 'open'; lane: number; names: readonly DigestName[] }
  /** Frames of the shared memory, by number, and the bytes in each. */
  | { kind: 'update'; lane: number; frames: readonly { frame: number; size: number }[] }
  | { kind: 'finish'; lane: number }
  /** Nobody wants to know any more. */
  | { kind: 'drop'; lane: number }

export type FromHasher =
  | { kind: 'hashed'; lane: number; frameCount: number }
  | { kind: 'finished'; lane: number; digests: Checksums }

const parent = parentPort
if (parent === null) throw new TypeError('A hashing thread is a worker thread')

const { memory } = workerData as { memory: SharedArrayBuffer }
const bytes = new Uint8Array(memory)
const lanes = new Map<number, Digests>()

parent.on('message', (message: ToHasher) => {
  const { kind, lane } = message
  if (kind === 'open') {
    lanes.set(lane, new Digests(message.names))
    return
  }
  const digests = lanes.get(lane)
  assert(digests !== undefined, 'A lane is opened before it is used')
  switch (kind) {
    case 'update':
      for (const { frame, size } of message.frames) {
        const offset = frame * frameSize
        digests.update(bytes.subarray(offset, offset + size))
      }
      answer({ kind: 'hashed', lane, frameCount: message.frames.length })
      break
    case 'finish':
      lanes.delete(lane)
      answer({ kind: 'finished', lane, digests: digests.finish() })
      break
    case 'drop':
      lanes.delete(lane)
      break
  }
})

function answer(message: FromHasher): void {
  parent?.postMessage(message)
}
