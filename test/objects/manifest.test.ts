// Manifests: joined in any number and of any kind they name the same bytes in the same order, from a root that is small.

import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import fc from 'fast-check'
import { newId, newKey, wrapKey } from '../../src/crypto/key-wrap.ts'
import {
  inlineExtentCountMax,
  manifestPageEntryCountMax,
  rootPageCountMax
} from '../../src/limits.ts'
import type { Engine } from '../../src/metadata/engine.ts'
import { manifestPageKey } from '../../src/metadata/keys.ts'
import { contentSize, entryCount, type Manifest } from '../../src/metadata/manifest.ts'
import { openRocksDb } from '../../src/metadata/rocksdb.ts'
import { buildManifest, joinManifests, slicesOf } from '../../src/objects/manifest.ts'

interface Piece {
  id: Buffer
  offset: number
  length: number
  key: Buffer
}

async function collect(
  manifest: Manifest,
  contentKey: Buffer,
  range: { offset: number; length: number },
  engine: Engine
): Promise<Piece[]> {
  const pieces: Piece[] = []
  for await (const slices of slicesOf(manifest, contentKey, range, engine)) {
    for (const { extentId: id, offset, length, key } of slices) {
      pieces.push({ id, offset, length, key })
    }
  }
  return pieces
}

/** The bytes of a range, by the definition: each piece cut to what is wanted of it. */
function cutPieces(pieces: readonly Piece[], start: number, length: number): Piece[] {
  const found: Piece[] = []
  let at = 0
  for (const piece of pieces) {
    const first = Math.max(start, at)
    const end = Math.min(start + length, at + piece.length)
    if (first < end) {
      found.push({ ...piece, offset: piece.offset + first - at, length: end - first })
    }
    at += piece.length
  }
  return found
}

test('joined manifests name the content of each, in order, for every range', async t => {
  const directory = await mkdtemp(join(tmpdir(), 'r2d-manifest-'))
  const engine = await openRocksDb({ path: directory })
  // Numbers of extents, up to more than the root can name without another level of pages.
  const counts = fc.array(
    fc.oneof(
      { weight: 4, arbitrary: fc.nat(20) },
      { weight: 2, arbitrary: fc.constantFrom(255, 256, 257, 600) },
      { weight: 1, arbitrary: fc.constant(manifestPageEntryCountMax * (rootPageCountMax + 1)) }
    ),
    { maxLength: 8 }
  )
  const share = fc.double({ min: 0, max: 1, noNaN: true })
  const property = fc.asyncProperty(counts, share, share, async (numbers, from, to) => {
    const contentKey = newKey()
    const pieces: Piece[] = []
    const parts = numbers.map(number => {
      const extents = Array.from({ length: number }, (_, n) => {
        return { id: newId(), size: 1 + ((n * 7919) % 65_536), key: newKey() }
      })
      for (const { id, size, key } of extents) pieces.push({ id, offset: 0, length: size, key })
      return buildManifest(extents, contentKey)
    })
    const joined = joinManifests(parts.map(({ manifest }) => manifest))
    const pages = [...parts.flatMap(part => part.pages), ...joined.pages]
    const puts = pages.map(({ id, value }) => ({ key: manifestPageKey(id), value }))
    await engine.commit({ checks: [], puts, deletes: [] })

    const { manifest } = joined
    const size = contentSize(manifest)
    assert.equal(
      size,
      pieces.reduce((sum, { length }) => sum + length, 0)
    )
    assert(
      entryCount(manifest) <= (manifest.kind === 'inline' ? inlineExtentCountMax : rootPageCountMax)
    )
    const start = Math.floor(from * size)
    const length = Math.floor(to * (size - start))
    const expected = cutPieces(pieces, start, length)
    const found = await collect(manifest, contentKey, { offset: start, length }, engine)
    assert.deepEqual(found, expected)
  })

  try {
    await t.notThrowsAsync(fc.assert(property, { numRuns: 30 }))
  } finally {
    await engine[Symbol.asyncDispose]()
    await rm(directory, { recursive: true })
  }
})

test('a content key of another object opens no slice', async t => {
  const directory = await mkdtemp(join(tmpdir(), 'r2d-manifest-'))
  const engine = await openRocksDb({ path: directory })
  const id = newId()
  const wrappedKey = wrapKey(newKey(), 'extent', id, newKey())
  const manifest: Manifest = {
    kind: 'inline',
    slices: [{ extentId: id, offset: 0, length: 1, wrappedKey }]
  }

  await t.throwsAsync(collect(manifest, newKey(), { offset: 0, length: 1 }, engine), {
    code: 'R2D_CORRUPT_RECORD'
  })

  await engine[Symbol.asyncDispose]()
  await rm(directory, { recursive: true })
})
