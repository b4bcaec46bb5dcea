// The reserve of the metadata's disk.

import assert from 'node:assert/strict'
import test from 'ava'
import { R2dError } from '../../src/errors.ts'
import { MetadataSpace } from '../../src/metadata/metadata-space.ts'

test('there is no room from the reserve down, and again once a quarter more is free; the disk is not asked each time', t => {
  const state = { free: 2000, now: 0, reads: 0 }
  const space = new MetadataSpace(
    '/somewhere',
    1000,
    () => {
      state.reads++
      return { free: state.free, total: 5000 }
    },
    () => state.now
  )
  const hasRoom = (free: number): boolean => {
    state.free = free
    state.now += 200
    try {
      space.requireRoom()
      return true
    } catch (error) {
      assert(error instanceof R2dError)
      assert.equal(error.code, 'R2D_STORE_FULL')
      return false
    }
  }

  t.true(hasRoom(1000))
  t.false(hasRoom(999))
  t.false(hasRoom(1249))
  t.true(hasRoom(1250))
  t.true(hasRoom(1000))
  const { reads } = state
  for (let n = 0; n < 100; n++) space.requireRoom()
  t.is(state.reads, reads)
})
