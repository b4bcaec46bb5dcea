// What becomes of a replica's bytes on a real disk.

import { open, rm, truncate } from 'node:fs/promises'
import { recordHeaderSize } from '../../src/storage/segment-format.ts'

/** A record within a file. */
interface Place {
  path: string
  offset: number
  /** Of the payload. */
  payloadSize: number
}

async function flipBit(path: string, position: number, bit = 2): Promise<void> {
  const file = await open(path, 'r+')
  try {
    const byte = Buffer.alloc(1)
    await file.read(byte, 0, 1, position)
    byte.writeUInt8(byte.readUInt8(0) ^ (1 << bit), 0)
    await file.write(byte, 0, 1, position)
  } finally {
    await file.close()
  }
}

async function overwrite({ path, offset, payloadSize }: Place): Promise<void> {
  const file = await open(path, 'r+')
  try {
    // A sector of zeros, as a lost write leaves it.
    await file.write(Buffer.alloc(512), 0, Math.min(512, payloadSize), offset)
  } finally {
    await file.close()
  }
}

/** Each makes one replica wrong. `at`: 0 to 1, where in the record. */
export const damages = {
  'a bit of the payload': ({ path, offset, payloadSize }: Place, at: number) =>
    flipBit(path, offset + recordHeaderSize + Math.floor(at * payloadSize)),
  'a bit of the header': ({ path, offset }: Place, at: number) =>
    flipBit(path, offset + Math.floor(at * recordHeaderSize)),
  'a sector of zeros': (place: Place) => overwrite(place),
  'a truncated segment': ({ path, offset, payloadSize }: Place, at: number) =>
    truncate(path, offset + Math.floor(at * (recordHeaderSize + payloadSize))),
  'a missing segment': ({ path }: Place) => rm(path, { force: true })
} as const satisfies Record<string, (place: Place, at: number) => Promise<void>>

export type Damage = keyof typeof damages

export const damageNames = Object.keys(damages) as Damage[]
