/**
 * GetObject and HeadObject: row -> slices -> extents -> bytes.
 */

import assert from 'node:assert/strict'
import { R2dError } from '../errors.ts'
import { frameSize } from '../limits.ts'
import { decodeExtentRecord, isSameReplicas, type ExtentRecord } from '../metadata/extent-record.ts'
import { extentKey } from '../metadata/keys.ts'
import type { ObjectRecord } from '../metadata/object-record.ts'
import { evaluate } from '../metadata/precondition.ts'
import type { OpenBucket } from './bucket-catalog.ts'
import { openContentKey, requireCustomerKey } from './content-key.ts'
import type { StoreContext } from './context.ts'
import { openExtentKey, slicesOf, type OpenSlice } from './manifest.ts'
import type { GetOptions, GetResult, HeadResult, ObjectInfo, RangeRequest } from './store.ts'
import { giveWindowBuffer, takeWindowBuffer, windowFrameCount } from './window-buffers.ts'

/**
 * Windows that are being read while one is being sent: one may come later than the socket is ready for it. While many read at
 * once there is something to send at any time, and none is read ahead of that.
 */
const readAheadMax = 2
const eagerReaderCountMax = 8

/** Contents being read in this thread. */
let readerCount = 0

export async function get(
  context: StoreContext,
  bucketName: string,
  key: string,
  options: GetOptions
): Promise<GetResult> {
  const endRead = context.reads.begin()
  let isGoingOn = false
  try {
    const { bucket, record, outcome } = await find(context, bucketName, key, options)
    if (outcome.kind !== 'object') return outcome

    const { offset, length } = outcome
    const contentKey = openContentKey(bucket, record, options.customerKey)
    const cached = readCached(context, contentKey, record, { offset, length })
    if (cached !== undefined) return { ...outcome, body: cached }

    const body = content(context, contentKey, record, { offset, length })
    // The first window is read here, so that content that cannot be read is an error, not a broken answer.
    const first = await body.next()
    if (first.done !== true && first.value.length === length) {
      // Whoever leaves with a window keeps its memory: no other reader gets it.
      await body.return()
      return { ...outcome, body: first.value }
    }

    isGoingOn = true
    return { ...outcome, body: resume(first, body, endRead) }
  } finally {
    if (!isGoingOn) endRead()
  }
}

export async function head(
  context: StoreContext,
  bucketName: string,
  key: string,
  options: GetOptions
): Promise<HeadResult> {
  return (await find(context, bucketName, key, options)).outcome
}

export async function stat(
  context: StoreContext,
  bucketName: string,
  key: string
): Promise<ObjectInfo> {
  const bucket = await context.buckets.open(bucketName)
  return (await context.objects.read(bucket, key)).info
}

async function find(
  context: StoreContext,
  bucketName: string,
  key: string,
  { range, partNumber, precondition, customerKey }: GetOptions
): Promise<{ bucket: OpenBucket; record: Readonly<ObjectRecord>; outcome: HeadResult }> {
  const { buckets, objects } = context
  const bucket = buckets.known(bucketName) ?? (await buckets.open(bucketName))
  const { record, info } = objects.known(bucket, key) ?? (await objects.read(bucket, key))
  requireCustomerKey(record, customerKey)

  if (precondition !== undefined) {
    const verdict = evaluate(precondition, record)
    if (verdict === 'failed') {
      throw new R2dError('R2D_PRECONDITION_FAILED', 'The precondition does not hold')
    }
    if (verdict === 'not-modified') return { bucket, record, outcome: { kind: verdict, info } }
  }

  const resolved =
    partNumber === undefined ? resolve(range, record.size) : resolvePart(partNumber, record)
  const outcome: HeadResult =
    resolved === undefined
      ? { kind: 'range-not-satisfiable', info }
      : { kind: 'object', info, ...resolved }
  return { bucket, record, outcome }
}

/** RFC 9110 section 14.1.2: an end past the object is cut, a start past it cannot be satisfied. */
function resolve(
  range: RangeRequest | undefined,
  size: number
): { offset: number; length: number } | undefined {
  if (range === undefined) return { offset: 0, length: size }

  if (range.kind === 'suffix') {
    const length = Math.min(range.length, size)
    return length === 0 ? undefined : { offset: size - length, length }
  }

  if (range.start >= size) return undefined
  const end = Math.min(range.end ?? size - 1, size - 1)
  assert(end >= range.start, 'The gateway refuses ranges that end before they start')
  return { offset: range.start, length: end - range.start + 1 }
}

/** Parts that follow each other and have one size are one run. */
function resolvePart(
  partNumber: number,
  { size, parts = [{ count: 1, size }] }: ObjectRecord
): { offset: number; length: number } | undefined {
  let before = partNumber - 1
  let offset = 0
  for (const run of parts) {
    if (before < run.count) return { offset: offset + before * run.size, length: run.size }
    before -= run.count
    offset += run.count * run.size
  }
  return undefined
}

/** No generator: one that is left before its first step would not come to leave `rest`. */
function resume(
  first: IteratorResult<Buffer, void>,
  rest: AsyncGenerator<Buffer, void, undefined>,
  endRead: () => void
): AsyncIterableIterator<Buffer, void, undefined> {
  let waiting: IteratorResult<Buffer, void> | undefined = first

  return {
    [Symbol.asyncIterator]() {
      return this
    },
    async next() {
      if (waiting !== undefined) {
        const result = waiting
        waiting = undefined
        if (result.done === true) endRead()
        return result
      }
      try {
        const result = await rest.next()
        if (result.done === true) endRead()
        return result
      } catch (error) {
        endRead()
        throw error
      }
    },
    async return() {
      waiting = undefined
      try {
        return await rest.return()
      } finally {
        endRead()
      }
    }
  }
}

/** Content of one small extent that is in memory: nothing is waited for, and its extent row is not read. */
function readCached(
  { reader }: StoreContext,
  contentKey: Buffer,
  { manifest }: ObjectRecord,
  { offset, length }: { offset: number; length: number }
): Buffer | undefined {
  if (manifest.kind !== 'inline' || manifest.slices.length !== 1) return undefined
  const [slice] = manifest.slices
  if (slice === undefined || slice.offset + slice.length > frameSize) return undefined

  const plaintext = reader.cached(slice.extentId, () =>
    openExtentKey(contentKey, slice.extentId, slice.wrappedKey)
  )
  const start = slice.offset + offset
  return plaintext?.subarray(start, start + length)
}

interface Window {
  slice: OpenSlice
  extent: ExtentRecord
  firstFrame: number
  frameCount: number
  /** Of the bytes wanted, within the window's plaintext. */
  start: number
  end: number
}

/**
 * The bytes in order; the next windows are being read while one is being sent. A buffer is used again once the
 * one after it is asked for.
 */
export async function* content(
  context: StoreContext,
  contentKey: Buffer,
  { manifest }: ObjectRecord,
  range: { offset: number; length: number }
): AsyncGenerator<Buffer, void, undefined> {
  const ahead: ReadingWindow[] = []
  readerCount++
  try {
    for await (const slices of slicesOf(manifest, contentKey, range, context.metadata)) {
      const extents = await readExtents(context, slices)
      for (const window of windowsOf(slices, extents)) {
        ahead.push(startReading(context, window))
        const aheadMax = readerCount > eagerReaderCountMax ? 0 : readAheadMax
        while (ahead.length > aheadMax) yield* firstOf(ahead)
      }
    }
    while (ahead.length > 0) yield* firstOf(ahead)
  } finally {
    readerCount--
    // Nothing of this read goes on after the reader has left.
    for (const { bytes, buffer } of ahead) {
      await bytes.catch(() => undefined)
      giveWindowBuffer(buffer)
    }
  }
}

interface ReadingWindow {
  bytes: Promise<Buffer>
  buffer: Buffer
}

function startReading(context: StoreContext, window: Window): ReadingWindow {
  const { extent, firstFrame, frameCount } = window
  const buffer = takeWindowBuffer(
    Math.min(frameCount * frameSize, extent.size - firstFrame * frameSize)
  )
  const bytes = readWindow(context, window, buffer)
  // Its failure is met when its turn comes, or not at all if the reader leaves before.
  bytes.catch(() => undefined)
  return { bytes, buffer }
}

async function* firstOf(ahead: ReadingWindow[]): AsyncGenerator<Buffer, void, undefined> {
  const [first] = ahead
  assert(first !== undefined)
  const bytes = await first.bytes
  ahead.shift()
  yield bytes
  // A reader that has left instead may have a write of it still going on: then it is not used again.
  giveWindowBuffer(first.buffer)
}

async function readExtents(
  { metadata }: StoreContext,
  slices: readonly OpenSlice[]
): Promise<ExtentRecord[]> {
  const rows = await metadata.getMany(slices.map(({ extentId }) => extentKey(extentId)))

  return rows.map(row => {
    if (row !== undefined) return decodeExtentRecord(row.value)
    throw new R2dError('R2D_NO_SUCH_KEY', 'The object was deleted while it was being read')
  })
}

function* windowsOf(
  slices: readonly OpenSlice[],
  extents: readonly ExtentRecord[]
): Generator<Window, void, undefined> {
  for (const [index, slice] of slices.entries()) {
    const extent = extents[index]
    assert(extent !== undefined)
    const end = slice.offset + slice.length
    assert(end <= extent.size, 'A slice is within its extent')

    let offset = slice.offset
    while (offset < end) {
      const firstFrame = Math.floor(offset / frameSize)
      const windowStart = firstFrame * frameSize
      const windowEnd = Math.min(windowStart + windowFrameCount * frameSize, end)
      const frameCount = Math.ceil((windowEnd - windowStart) / frameSize)
      const [start, stop] = [offset - windowStart, windowEnd - windowStart]
      yield { slice, extent, firstFrame, frameCount, start, end: stop }
      offset = windowEnd
    }
  }
}

async function readWindow(context: StoreContext, window: Window, into: Buffer): Promise<Buffer> {
  const { slice, extent, firstFrame, frameCount, start, end } = window
  const { extentId: id, key } = slice
  const { size } = extent
  const read = async (replicas: ExtentRecord['replicas']): Promise<Buffer> => {
    const readable = { id, size, key, replicas }
    const bytes = await context.reader.read(readable, firstFrame, frameCount, into)
    return bytes.subarray(start, end)
  }
  let { replicas } = extent
  for (;;) {
    try {
      return await read(replicas)
    } catch (error) {
      if (!(error instanceof R2dError) || error.code !== 'R2D_EXTENT_UNREADABLE') throw error

      // Repair and compaction move replicas, and the row with them: where it points now may be read.
      const row = await context.metadata.get(extentKey(id))
      if (row === undefined) throw error
      const moved = decodeExtentRecord(row.value).replicas
      if (isSameReplicas(moved, replicas)) throw error
      replicas = moved
    }
  }
}
