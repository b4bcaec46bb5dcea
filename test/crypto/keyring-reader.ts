// Reads a keyring over and over, and counts what it should not have seen.

import { parentPort, workerData } from 'node:worker_threads'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { Keyring } from '../../src/crypto/keyring.ts'

const { memory, keys } = workerData as { memory: SharedArrayBuffer; keys: Uint8Array[] }
const keyring = new Keyring(memory)
let [reads, wrong] = [0, 0]
const state = { isEnded: false }
parentPort?.on('message', () => {
  state.isEnded = true
})
parentPort?.postMessage('ready')
while (!state.isEnded) {
  for (let count = 0; count < 1000; count++) {
    reads++
    const found = keyring.keys
    const isKnown = found.every(({ key }) => keys.some(each => key.equals(each)))
    if (found.length < 1 || found.length > 2 || !isKnown) wrong++
  }
  await nextTurn()
}
parentPort?.postMessage({ reads, wrong })
parentPort?.close()
