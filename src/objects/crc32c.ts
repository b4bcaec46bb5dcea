/**
 * CRC-32C (Castagnoli): polynomial 0x1EDC6F41, reflected, as in RFC 3720 section 12.1.
 */

const polynomial = 0x82f63b78

/** tables[k][b]: the CRC of byte b with k zero bytes behind it. */
const tables = makeTables()

export class Crc32c {
  #state = 0xffffffff | 0

  update(chunk: Uint8Array): void {
    const [t0, t1, t2, t3, t4, t5, t6, t7] = tables
    let crc = this.#state
    let index = 0
    const wholeEnd = chunk.length - (chunk.length % 8)
    const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.length)
    for (; index < wholeEnd; index += 8) {
      const low = crc ^ view.getInt32(index, true)
      const high = view.getInt32(index + 4, true)
      crc =
        at(t7, low) ^
        at(t6, low >>> 8) ^
        at(t5, low >>> 16) ^
        at(t4, low >>> 24) ^
        at(t3, high) ^
        at(t2, high >>> 8) ^
        at(t1, high >>> 16) ^
        at(t0, high >>> 24)
    }
    for (; index < chunk.length; index++) {
      crc = at(t0, crc ^ view.getUint8(index)) ^ (crc >>> 8)
    }
    this.#state = crc
  }

  /** 4 bytes, big-endian. */
  finish(): Buffer {
    const bytes = Buffer.alloc(4)
    bytes.writeInt32BE(~this.#state)
    return bytes
  }
}

function at(table: Int32Array, byte: number): number {
  return table[byte & 0xff] ?? 0
}

type Tables = readonly [
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array
]

function makeTables(): Tables {
  const first = new Int32Array(256)
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ polynomial : crc >>> 1
    first[byte] = crc
  }

  const shift = (table: Int32Array): Int32Array => table.map(crc => at(first, crc) ^ (crc >>> 8))
  const second = shift(first)
  const third = shift(second)
  const fourth = shift(third)
  const fifth = shift(fourth)
  const sixth = shift(fifth)
  const seventh = shift(sixth)
  return [first, second, third, fourth, fifth, sixth, seventh, shift(seventh)]
}
