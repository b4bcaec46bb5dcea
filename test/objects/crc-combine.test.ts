// CRCs put together: the CRC of a whole from those of its pieces, without the bytes.

import assert from 'node:assert/strict'
import test from 'ava'
import fc from 'fast-check'
import { combineCrcs } from '../../src/objects/crc-combine.ts'
import { Digests } from '../../src/objects/digests.ts'

for (const name of ['crc32', 'crc32c', 'crc64nvme'] as const) {
  const crcOf = (content: Uint8Array): Buffer => {
    const digests = new Digests([name])
    digests.update(content)
    return digests.finish()[name] ?? Buffer.alloc(0)
  }

  test(`the ${name} of pieces put together is that of the whole`, t => {
    const pieces = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 6 })
    const property = fc.property(pieces, contents => {
      const runs = contents.map(content => ({ crc: crcOf(content), size: content.length }))
      assert.deepEqual(combineCrcs(name, runs), crcOf(Buffer.concat(contents)))
    })

    t.notThrows(() => {
      fc.assert(property)
    })
  })
}
