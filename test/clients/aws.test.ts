// The AWS command line, as Debian packages it, at real work against the daemon.

import { randomBytes } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { assertSameTree, makeTree } from './tree.ts'
import { workplaceOf } from './workplace.ts'

const workplace = workplaceOf(test)

/** Releases before 2.13 do not read AWS_ENDPOINT_URL. */
async function aws(args: readonly string[], status = 0): Promise<string> {
  const { s3 } = workplace()
  return workplace().run('aws', ['--endpoint-url', s3.endpoint, ...args], { status })
}

async function api(operation: string, ...args: readonly string[]): Promise<unknown> {
  const output = await aws(['s3api', operation, '--output', 'json', ...args])
  return output === '' ? undefined : (JSON.parse(output) as unknown)
}

test('aws s3 sync brings a tree up and down, and every byte is the same', async t => {
  const path = await workplace().directory('tree')
  await makeTree(join(path, 'up'))
  const bucket = `s3://${workplace().bucketName()}`

  await aws(['s3', 'mb', bucket])
  await aws(['s3', 'sync', '--quiet', join(path, 'up'), `${bucket}/t`])
  await aws(['s3', 'sync', '--quiet', `${bucket}/t`, join(path, 'down')])

  await t.notThrowsAsync(assertSameTree(join(path, 'down'), join(path, 'up')))
  t.is(await aws(['s3', 'sync', join(path, 'up'), `${bucket}/t`]), '')
  t.is(await aws(['s3', 'sync', `${bucket}/t`, join(path, 'down')]), '')
  t.regex(await aws(['s3', 'ls', `${bucket}/t/`]), /PRE d0\//)
  t.regex(await aws(['s3', 'ls', '--recursive', '--summarize', bucket]), /Total Objects: 200/)
  await aws(['s3', 'rm', '--quiet', '--recursive', bucket])
  t.is(await aws(['s3', 'ls', bucket]), '')
  await aws(['s3', 'rb', bucket])
})

test('aws s3 copies, moves, streams and signs', async t => {
  const place = workplace()
  const path = await place.directory('files')
  const bucket = `s3://${place.bucketName()}`
  const content = randomBytes(100_000)
  const file = join(path, 'ö file')
  await writeFile(file, content)

  await aws(['s3', 'mb', bucket])
  await aws(['s3', 'cp', '--quiet', '--metadata', 'color=blue', file, `${bucket}/a b/ö+`])
  await aws(['s3', 'cp', '--quiet', `${bucket}/a b/ö+`, `${bucket}/copy`])
  await aws(['s3', 'mv', '--quiet', `${bucket}/copy`, `${bucket}/moved`])
  t.regex(await aws(['s3', 'ls', bucket]), /100000 moved\n$/)
  await aws(['s3', 'cp', '--quiet', `${bucket}/moved`, join(path, 'back')])
  t.true(content.equals(await readFile(join(path, 'back'))))

  const upload = ['--endpoint-url', place.s3.endpoint, 's3', 'cp', '-', `${bucket}/stream`]
  await place.run('aws', upload, { input: 'streamed' })
  t.is(await aws(['s3', 'cp', `${bucket}/stream`, '-']), 'streamed')
  const url = await aws(['s3', 'presign', `${bucket}/stream`])
  t.is(await place.run('curl', ['--silent', '--fail', url.trim()]), 'streamed')
})

test('aws s3 carries 64 MiB in parts', async t => {
  const path = await workplace().directory('multipart')
  const bucket = `s3://${workplace().bucketName()}`
  const content = randomBytes(64 * 1024 * 1024)
  await writeFile(join(path, 'up'), content)

  await aws(['s3', 'mb', bucket])
  await aws(['s3', 'cp', '--quiet', join(path, 'up'), `${bucket}/big`])
  // By default it asks for the source's tags, which there are none of.
  const props = ['--copy-props', 'metadata-directive']
  await aws(['s3', 'cp', '--quiet', ...props, `${bucket}/big`, `${bucket}/copy`])
  await aws(['s3', 'cp', '--quiet', `${bucket}/copy`, join(path, 'down')])

  t.true(content.equals(await readFile(join(path, 'down'))))
})

test('aws s3api calls buckets and objects one operation at a time', async t => {
  const path = await workplace().directory('api')
  const Bucket = workplace().bucketName()
  const at = ['--bucket', Bucket]
  const object = [...at, '--key', 'dir/ö']
  await writeFile(join(path, 'body'), '0123456789')
  const back = join(path, 'back')

  await api('create-bucket', ...at)
  await api('head-bucket', ...at)
  await api('wait', 'bucket-exists', ...at)
  t.like(await api('get-bucket-location', ...at), { LocationConstraint: 'LOCAL' })
  t.is(await api('list-buckets', '--query', `Buckets[?Name=='${Bucket}'] | length(@)`), 1)
  t.truthy(await api('get-bucket-encryption', ...at))
  t.is(await api('get-bucket-versioning', ...at), undefined)

  const put = await api('put-object', ...object, '--body', join(path, 'body'))
  t.like(put, { ETag: '"781e5e245d69b566979b86e28d23f2c7"' })
  t.like(await api('head-object', ...object), { ContentLength: 10 })
  await api('get-object', ...object, '--range', 'bytes=2-4', back)
  t.is(await readFile(back, 'utf8'), '234')
  await api('copy-object', ...at, '--key', 'copy', '--copy-source', `${Bucket}/dir/ö`)
  t.like(await api('list-objects', ...at), { Contents: [{ Key: 'copy' }, { Key: 'dir/ö' }] })
  t.like(await api('list-objects-v2', ...at, '--delimiter', '/'), {
    Contents: [{ Key: 'copy' }],
    CommonPrefixes: [{ Prefix: 'dir/' }]
  })

  await api('delete-object', ...object)
  t.deepEqual(await api('delete-objects', ...at, '--delete', 'Objects=[{Key=copy},{Key=gone}]'), {
    Deleted: [{ Key: 'copy' }, { Key: 'gone' }]
  })
  await aws(['s3api', 'head-object', ...object], 254)
  await api('delete-bucket', ...at)
  await aws(['s3api', 'head-bucket', ...at], 254)
})

test('aws s3api uploads in parts, lists them, and aborts', async t => {
  const path = await workplace().directory('parts')
  const Bucket = workplace().bucketName()
  const object = ['--bucket', Bucket, '--key', 'big']
  await writeFile(join(path, 'part'), randomBytes(5 * 1024 * 1024))
  const begin = async (): Promise<string[]> => {
    const { UploadId } = (await api('create-multipart-upload', ...object)) as { UploadId: string }
    return [...object, '--upload-id', UploadId]
  }

  await api('create-bucket', '--bucket', Bucket)
  const upload = await begin()
  const part = ['--part-number', '1', '--body', join(path, 'part')]
  const { ETag } = (await api('upload-part', ...upload, ...part)) as { ETag: string }
  t.like(await api('list-parts', ...upload), { Parts: [{ PartNumber: 1, ETag }] })
  t.like(await api('list-multipart-uploads', '--bucket', Bucket), { Uploads: [{ Key: 'big' }] })
  const parts = JSON.stringify({ Parts: [{ PartNumber: 1, ETag }] })
  await api('complete-multipart-upload', ...upload, '--multipart-upload', parts)
  t.like(await api('head-object', ...object), { ContentLength: 5 * 1024 * 1024 })

  const second = await begin()
  const source = ['--part-number', '1', '--copy-source', `${Bucket}/big`]
  t.truthy(await api('upload-part-copy', ...second, ...source))
  await api('abort-multipart-upload', ...second)
  await aws(['s3api', 'list-parts', ...second], 254)
})

test('the lines of docs/clients.md on aws work as they are pasted', async t => {
  t.regex(await workplace().pasted('aws'), /format\.md/m)
})
