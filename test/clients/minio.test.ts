// minio, the client from npm, at real work against the daemon.

import { randomBytes } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import test from 'ava'
import { Client, CopyConditions, type BucketItem } from 'minio'
import { workplaceOf } from './workplace.ts'

const workplace = workplaceOf(test)

function client(): Client {
  const { endpoint, accessKeyId, secretAccessKey } = workplace().s3
  const { hostname, port } = new URL(endpoint)
  return new Client({
    endPoint: hostname,
    port: Number(port),
    useSSL: false,
    accessKey: accessKeyId,
    secretKey: secretAccessKey
  })
}

async function madeBucket(minio: Client): Promise<string> {
  const bucket = workplace().bucketName()
  await minio.makeBucket(bucket)
  return bucket
}

async function* piecesOf(content: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let offset = 0; offset < content.length; offset += size) {
    yield await Promise.resolve(content.subarray(offset, offset + size))
  }
}

test('minio makes, finds, lists and removes buckets', async t => {
  const minio = client()
  const bucket = await madeBucket(minio)

  t.true(await minio.bucketExists(bucket))
  t.false(await minio.bucketExists(`${bucket}-not`))
  t.true((await minio.listBuckets()).some(({ name }) => name === bucket))
  t.is(await minio.getBucketRegionAsync(bucket), 'LOCAL')
  await t.throwsAsync(minio.makeBucket(bucket), { code: 'BucketAlreadyOwnedByYou' })
  await minio.removeBucket(bucket)
  t.false(await minio.bucketExists(bucket))
})

test('minio puts and gets buffers, streams and files', async t => {
  const minio = client()
  const bucket = await madeBucket(minio)
  const path = await workplace().directory('files')
  const content = randomBytes(300_000)
  await writeFile(join(path, 'up'), content)

  const { etag } = await minio.putObject(bucket, 'dir/ö +%', content, content.length, {
    'Content-Type': 'text/x-test',
    color: 'blue'
  })
  await minio.putObject(bucket, 'sized', Readable.from(piecesOf(content, 10_000)), content.length)
  await minio.fPutObject(bucket, 'file', join(path, 'up'))

  const stat = await minio.statObject(bucket, 'dir/ö +%')
  t.is(stat.size, content.length)
  t.is(stat.etag, etag)
  t.like(stat.metaData, { 'content-type': 'text/x-test', color: 'blue' })
  for (const key of ['dir/ö +%', 'sized', 'file']) {
    t.true(content.equals(await buffer(await minio.getObject(bucket, key))), key)
  }
  const part = await minio.getPartialObject(bucket, 'file', 100, 50)
  t.true(content.subarray(100, 150).equals(await buffer(part)))
  await minio.fGetObject(bucket, 'file', join(path, 'down'))
  t.true(content.equals(await readFile(join(path, 'down'))))
  await t.throwsAsync(minio.statObject(bucket, 'missing'), { code: 'NotFound' })
  await t.throwsAsync(minio.getObject(bucket, 'missing'), { code: 'NoSuchKey' })
})

test('minio lists with prefixes, copies, and removes many at once', async t => {
  const minio = client()
  const bucket = await madeBucket(minio)
  const keys = Array.from({ length: 30 }, (_, n) => `p${n % 3}/ö ${n}`)
  for (const key of keys) await minio.putObject(bucket, key, key)
  const list = async (prefix: string, recursive: boolean): Promise<BucketItem[]> =>
    minio.listObjectsV2(bucket, prefix, recursive).toArray() as Promise<BucketItem[]>

  t.deepEqual((await list('', true)).map(({ name }) => name).sort(), [...keys].sort())
  t.deepEqual(
    (await list('', false)).map(({ prefix }) => prefix),
    ['p0/', 'p1/', 'p2/']
  )
  t.is((await list('p1/', false)).length, 10)
  t.is((await minio.listObjects(bucket, 'p1/', true).toArray()).length, 10)

  const { etag } = await minio.statObject(bucket, 'p0/ö 0')
  const conditions = new CopyConditions()
  conditions.setMatchETag(etag)
  await minio.copyObject(bucket, 'copy', `/${bucket}/p0/ö 0`, conditions)
  t.is((await buffer(await minio.getObject(bucket, 'copy'))).toString(), 'p0/ö 0')

  await minio.removeObject(bucket, 'copy')
  await minio.removeObjects(bucket, keys)
  t.is((await list('', true)).length, 0)
})

test('URLs that minio signs write and read with curl', async t => {
  const minio = client()
  const bucket = await madeBucket(minio)
  const curl = (...args: readonly string[]): Promise<string> =>
    workplace().run('curl', ['--silent', '--fail', ...args])

  const put = await minio.presignedUrl('PUT', bucket, 'signed ö', 60)
  await curl('--request', 'PUT', '--data-binary', 'by url', put)
  const get = await minio.presignedUrl('GET', bucket, 'signed ö', 60, {
    'response-content-type': 'text/x-signed'
  })
  t.regex(await curl('--include', get), /content-type: text\/x-signed[\s\S]*by url$/i)
})

test('minio puts a stream of unknown size, and 64 MiB from a file, in parts', async t => {
  const minio = client()
  const bucket = await madeBucket(minio)
  const path = await workplace().directory('parts')
  const content = randomBytes(64 * 1024 * 1024 + 1)
  await writeFile(join(path, 'up'), content)

  await minio.putObject(bucket, 'stream', Readable.from(piecesOf(content, 1_000_000)))
  await minio.fPutObject(bucket, 'file', join(path, 'up'))

  for (const key of ['stream', 'file']) {
    t.true(content.equals(await buffer(await minio.getObject(bucket, key))), key)
  }
  t.deepEqual(await minio.listIncompleteUploads(bucket, '', true).toArray(), [])
})

test('the lines of docs/clients.md on minio work as they are pasted', async t => {
  t.regex(await workplace().pasted('minio'), /^\d+$/m)
})
