/**
 * Values between threads as one run of bytes, whose memory is handed over with the message.
 *
 * The structured clone costs a heap object and an allocation for each Buffer, and would copy the whole slab that
 * a small one lies in. Here the bytes of a message are one ArrayBuffer, transferred, and what is decoded shares it. Both ends are
 * this file in the same process: it is no format, and nothing of it is stored.
 *
 *     undefined, false, true   a tag
 *     number                   a tag and 8 bytes
 *     text, bytes              a tag, the length (4), the bytes
 *     list                     a tag, the count (4), the members
 *     record                   a tag, the count (1), then name and member; a name is written out where it comes
 *                              first in a message, and is its number (1) from then on
 */

import assert from 'node:assert/strict'

const tags = {
  undefined: 0,
  false: 1,
  true: 2,
  number: 3,
  text: 4,
  bytes: 5,
  list: 6,
  record: 7
} as const

/** In place of a name's number: the name itself follows. */
const newName = 255

/** Messages grow from so many bytes on. */
const sizeMin = 4096

export function encodeMessage(value: unknown, sizeHint = sizeMin): Uint8Array<ArrayBuffer> {
  return new MessageWriter(sizeHint).write(value)
}

/** Its Buffers share memory with `bytes`. */
export function decodeMessage(bytes: Uint8Array): unknown {
  return new MessageReader(bytes).read()
}

class MessageWriter {
  #bytes: Buffer<ArrayBuffer>
  #end = 0
  readonly #names = new Map<string, number>()

  constructor(sizeHint: number) {
    this.#bytes = Buffer.allocUnsafeSlow(Math.max(sizeHint, sizeMin))
  }

  write(value: unknown): Uint8Array<ArrayBuffer> {
    this.#value(value)
    return this.#bytes.subarray(0, this.#end)
  }

  #value(value: unknown): void {
    this.#reserve(16)
    if (value === undefined) {
      this.#byte(tags.undefined)
    } else if (typeof value === 'boolean') {
      this.#byte(value ? tags.true : tags.false)
    } else if (typeof value === 'number') {
      this.#byte(tags.number)
      this.#end = this.#bytes.writeDoubleLE(value, this.#end)
    } else if (typeof value === 'string') {
      this.#byte(tags.text)
      this.#text(value)
    } else {
      assert(typeof value === 'object' && value !== null, 'Messages are made of plain values')
      this.#object(value)
    }
  }

  #object(value: object): void {
    if (value instanceof Uint8Array) {
      this.#byte(tags.bytes)
      this.#length(value.length)
      this.#reserve(value.length)
      this.#bytes.set(value, this.#end)
      this.#end += value.length
    } else if (Array.isArray(value)) {
      this.#byte(tags.list)
      this.#length(value.length)
      for (const member of value) this.#value(member)
    } else {
      const names = Object.keys(value)
      assert(names.length < 256)
      this.#byte(tags.record)
      this.#byte(names.length)
      for (const name of names) {
        this.#name(name)
        this.#value((value as Record<string, unknown>)[name])
      }
    }
  }

  #name(name: string): void {
    this.#reserve(1)
    const known = this.#names.get(name)
    if (known !== undefined) {
      this.#byte(known)
      return
    }

    if (this.#names.size < newName) this.#names.set(name, this.#names.size)
    this.#byte(newName)
    this.#text(name)
  }

  #text(text: string): void {
    this.#reserve(4 + 3 * text.length)
    const size = this.#bytes.write(text, this.#end + 4, 'utf8')
    this.#length(size)
    this.#end += size
  }

  #byte(value: number): void {
    this.#bytes[this.#end++] = value
  }

  #length(value: number): void {
    this.#end = this.#bytes.writeUInt32LE(value, this.#end)
  }

  #reserve(size: number): void {
    if (this.#end + size <= this.#bytes.length) return

    const larger = Buffer.allocUnsafeSlow(Math.max(2 * this.#bytes.length, this.#end + size))
    this.#bytes.copy(larger, 0, 0, this.#end)
    this.#bytes = larger
  }
}

class MessageReader {
  readonly #bytes: Buffer
  #next = 0
  readonly #names: string[] = []

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  read(): unknown {
    const tag = this.#byte()
    switch (tag) {
      case tags.undefined:
        return undefined
      case tags.false:
        return false
      case tags.true:
        return true
      case tags.number:
        this.#next += 8
        return this.#bytes.readDoubleLE(this.#next - 8)
      case tags.text:
        return this.#text()
      case tags.bytes:
        return this.#run()
      case tags.list: {
        const list: unknown[] = []
        for (let left = this.#length(); left > 0; left--) list.push(this.read())
        return list
      }
      case tags.record: {
        const record: Record<string, unknown> = {}
        for (let left = this.#byte(); left > 0; left--) record[this.#name()] = this.read()
        return record
      }
      default:
        assert.fail(`A message has no tag ${tag}`)
    }
  }

  #name(): string {
    const number = this.#byte()
    if (number !== newName) {
      const name = this.#names[number]
      assert(name !== undefined)
      return name
    }

    const name = this.#text()
    if (this.#names.length < newName) this.#names.push(name)
    return name
  }

  #run(): Buffer {
    const size = this.#length()
    this.#next += size
    return this.#bytes.subarray(this.#next - size, this.#next)
  }

  #text(): string {
    const size = this.#length()
    this.#next += size
    return this.#bytes.toString('utf8', this.#next - size, this.#next)
  }

  #length(): number {
    this.#next += 4
    return this.#bytes.readUInt32LE(this.#next - 4)
  }

  #byte(): number {
    return this.#bytes.readUInt8(this.#next++)
  }
}
