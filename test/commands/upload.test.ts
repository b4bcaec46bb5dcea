// Files and streams that are sent in parts: whole, or not at all.

import { createHash, randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { crc32 } from 'node:zlib'
import { Progress } from '../../src/cli/progress.ts'
import { parseSize } from '../../src/cli/quantity.ts'
import { uploadFile, uploadStream } from '../../src/cli/upload.ts'
import { encodeCrc32 } from '../../src/control/multipart-upload.ts'
import { ObjectClient } from '../../src/control/object-client.ts'
import { R2dError } from '../../src/errors.ts'
import {
  DaemonProcess,
  localRequest,
  makeDaemonHome,
  removeHome
} from '../daemon/daemon-process.ts'
import { r2dAt } from './command-line.ts'

const MiB = 1024 * 1024
const bucket = 'uploads'
const options = { partSize: 5 * MiB, progress: new Progress({ isShown: false }) }
let daemon: DaemonProcess
let client: ObjectClient
let directory: string

test.before(async () => {
  daemon = await DaemonProcess.start(await makeDaemonHome())
  client = new ObjectClient(daemon.status.sockets)
  directory = await mkdtemp(join(tmpdir(), 'r2d-upload-'))
  await client.createBucket(bucket, {})
})

test.after.always(async () => {
  client.close()
  await daemon.stop()
  await removeHome(daemon.home)
  await rm(directory, { recursive: true, force: true })
})

async function contentOf(key: string): Promise<Buffer> {
  const pieces: Buffer[] = []
  const { body } = await client.get(bucket, key)
  for await (const piece of body) pieces.push(piece)
  return Buffer.concat(pieces)
}

/** Keys of uploads that are neither complete nor aborted. */
async function uploads(): Promise<string[]> {
  const { body } = await localRequest(daemon.status.sockets[0] ?? '', 'GET', `/${bucket}?uploads`)
  return [...body.toString().matchAll(/<Key>([^<]*)<\/Key>/g)].map(([, key = '']) => key)
}

async function* chunked(content: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let offset = 0; offset < content.length; offset += size) {
    yield await Promise.resolve(content.subarray(offset, offset + size))
  }
}

for (const size of [0, 1, 5 * MiB, 5 * MiB + 1, 15 * MiB, 23 * MiB + 17]) {
  test(`a file and a stream of ${size} bytes arrive whole, in as many parts as it takes`, async t => {
    const path = join(directory, String(size))
    const content = randomBytes(size)
    await writeFile(path, content)
    const partCount = Math.ceil(size / options.partSize)

    await uploadFile(client, { path, size }, { bucket, key: `file-${size}` }, options)
    const stream = chunked(content, 999_983)
    await uploadStream(client, stream, { bucket, key: `stream-${size}` }, options)

    for (const key of [`file-${size}`, `stream-${size}`]) {
      t.true((await contentOf(key)).equals(content))
      const { etag, headers } = await client.head(bucket, key)
      const isInParts = size > options.partSize
      t.is(etag.split('-')[1], isInParts ? String(partCount) : undefined)
      const md5 = createHash('md5').update(content).digest('hex')
      t.is(isInParts ? md5 : etag, md5)
      t.is(headers['x-amz-checksum-crc32'], isInParts ? encodeCrc32(crc32(content)) : undefined)
    }
  })
}

test('a file that is shorter or longer than it was is not stored, and its upload is aborted', async t => {
  const path = join(directory, 'changed')
  await writeFile(path, randomBytes(12 * MiB))

  for (const size of [12 * MiB - 1, 12 * MiB + 1, 20 * MiB]) {
    const upload = uploadFile(client, { path, size }, { bucket, key: 'changed' }, options)
    await t.throwsAsync(upload, { code: 'R2D_CONFLICT' })
  }
  const whole = { ...options, partSize: 64 * MiB }
  for (const size of [12 * MiB - 1, 12 * MiB + 1]) {
    const upload = uploadFile(client, { path, size }, { bucket, key: 'changed' }, whole)
    await t.throwsAsync(upload, { code: 'R2D_CONFLICT' })
  }
  await t.throwsAsync(client.head(bucket, 'changed'), { code: 'R2D_NO_SUCH_KEY' })
  t.false((await uploads()).includes('changed'))
})

test('a stream that breaks is not stored, and its upload is aborted', async t => {
  async function* broken(): AsyncGenerator<Buffer> {
    yield* chunked(randomBytes(17 * MiB), MiB)
    throw new R2dError('R2D_UNAVAILABLE', 'The source has broken')
  }

  const upload = uploadStream(client, broken(), { bucket, key: 'broken' }, options)

  await t.throwsAsync(upload, { message: 'The source has broken' })
  await t.throwsAsync(client.head(bucket, 'broken'), { code: 'R2D_NO_SUCH_KEY' })
  t.false((await uploads()).includes('broken'))
})

test('r2d cp takes a size of parts, and refuses what is none', async t => {
  const path = join(directory, 'cp')
  await writeFile(path, randomBytes(11 * MiB))
  const cp = (...flags: string[]) => r2dAt(daemon.home, ['cp', path, `r2://${bucket}/`, ...flags])

  t.is((await cp('--part-size', '5MiB')).code, 0)
  t.regex((await client.head(bucket, 'cp')).etag, /-3$/)
  for (const size of ['4MiB', '6GiB', 'many']) {
    const { code, stderr } = await cp('--part-size', size)
    t.is(code, 2, stderr)
    t.regex(stderr, /is no size of a part/)
  }
})

test('sizes are read as they are written', t => {
  const texts = ['0', '1000', '5MiB', '1.5 GiB', '2TiB', '5MB', '-1', '', 'MiB']
  t.deepEqual(texts.map(parseSize), [
    0,
    1000,
    5 * MiB,
    1536 * MiB,
    2 * MiB * MiB,
    undefined,
    undefined,
    undefined,
    undefined
  ])
})
