// @aws-sdk/lib-storage uploads streams whose size nobody knows.

import { randomBytes } from 'node:crypto'
import { PassThrough, Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import {
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand
} from '@aws-sdk/client-s3'
import { Upload } from '@aws-sdk/lib-storage'
import test from 'ava'
import { clientOf, makeBucket } from '../conformance/s3.ts'
import { workplaceOf } from './workplace.ts'

const workplace = workplaceOf(test)

test('Upload puts a short stream as one object', async t => {
  const client = clientOf(workplace().s3)
  const Bucket = await makeBucket(client)

  const Body = Readable.from([Buffer.from('short '), Buffer.from('stream')])
  await new Upload({ client, params: { Bucket, Key: 'k', Body } }).done()

  const got = await client.send(new GetObjectCommand({ Bucket, Key: 'k' }))
  t.is((await buffer(got.Body as Readable)).toString(), 'short stream')
})

test('Upload puts a stream of 64 MiB in parts', async t => {
  const client = clientOf(workplace().s3)
  const Bucket = await makeBucket(client)
  const content = randomBytes(64 * 1024 * 1024 + 1)
  const Body = new PassThrough()
  Body.end(content)

  const upload = new Upload({ client, params: { Bucket, Key: 'k', Body, Metadata: { a: '1' } } })
  const loaded: (number | undefined)[] = []
  upload.on('httpUploadProgress', progress => loaded.push(progress.loaded))
  await upload.done()

  t.is(loaded.at(-1), content.length)
  const got = await client.send(new GetObjectCommand({ Bucket, Key: 'k' }))
  t.true(content.equals(await buffer(got.Body as Readable)))
  t.deepEqual(got.Metadata, { a: '1' })
})

test('an Upload that is aborted leaves nothing', async t => {
  const client = clientOf(workplace().s3)
  const Bucket = await makeBucket(client)
  // It aborts at the server after it has told its caller.
  const aborted = new Promise<void>(resolve => {
    client.middlewareStack.add(
      (next, { commandName }) =>
        async args => {
          const result = await next(args)
          if (commandName === 'AbortMultipartUploadCommand') resolve()
          return result
        },
      { step: 'initialize' }
    )
  })
  const Body = new PassThrough()
  const upload = new Upload({ client, params: { Bucket, Key: 'k', Body } })
  upload.on('httpUploadProgress', () => void upload.abort())

  Body.write(randomBytes(12 * 1024 * 1024))
  await t.throwsAsync(upload.done(), { name: 'AbortError' })
  Body.destroy()
  await aborted

  const head = client.send(new HeadObjectCommand({ Bucket, Key: 'k' }))
  await t.throwsAsync(head, { name: 'NotFound' })
  const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket }))
  t.deepEqual(Uploads, [])
})

test('the lines of docs/clients.md on @aws-sdk/lib-storage work as they are pasted', async t => {
  t.regex(await workplace().pasted('@aws-sdk/lib-storage'), /^\d+$/m)
})
