/**
 * The CRC of two contents, one behind the other, from the CRC of each and the length of the second.
 *
 * A CRC is the remainder of the content as a polynomial over GF(2); to append n bytes is to multiply it by x^(8n) and to add
 * the other's. That holds for the finished values too, where initial value and final inversion are the same bits: they
 * cancel out. The method, and how to raise x to a power, is that of zlib's crc32_combine.
 */

export type CrcName = 'crc32' | 'crc32c' | 'crc64nvme'

/** Reflected, without the leading term: IEEE 802.3; Castagnoli; NVM Express. */
const fields = {
  crc32: { width: 32n, polynomial: 0xedb88320n },
  crc32c: { width: 32n, polynomial: 0x82f63b78n },
  crc64nvme: { width: 64n, polynomial: 0x9a6c9329ac4bc9b5n }
} as const

export interface CrcRun {
  /** 4 or 8 bytes, big-endian. */
  crc: Buffer
  /** Bytes of content. */
  size: number
}

/** Big-endian, as the CRC of each. Of nothing: zeros. */
export function combineCrcs(name: CrcName, runs: readonly CrcRun[]): Buffer {
  const { width } = fields[name]
  const size = Number(width) / 8
  let combined = 0n
  // Parts have mostly one size: the power of x is the same for one as for the next.
  let power = { size: 0, value: 0n }
  for (const run of runs) {
    if (power.size !== run.size || power.value === 0n) {
      power = { size: run.size, value: powerOfX(name, BigInt(run.size) * 8n) }
    }
    combined = multiply(name, power.value, combined) ^ BigInt(`0x${run.crc.toString('hex')}`)
  }

  return Buffer.from(combined.toString(16).padStart(size * 2, '0'), 'hex')
}

/** The bit of x^0 is the highest one. */
function powerOfX(name: CrcName, exponent: bigint): bigint {
  let result = 1n << (fields[name].width - 1n)
  let square = result >> 1n
  for (let left = exponent; left > 0n; left >>= 1n) {
    if (left & 1n) result = multiply(name, square, result)
    square = multiply(name, square, square)
  }
  return result
}

function multiply(name: CrcName, a: bigint, b: bigint): bigint {
  const { width, polynomial } = fields[name]
  let product = 0n
  let shifted = b
  for (let bit = 1n << (width - 1n); bit > 0n; bit >>= 1n) {
    if (a & bit) product ^= shifted
    shifted = shifted & 1n ? (shifted >> 1n) ^ polynomial : shifted >> 1n
  }
  return product
}
