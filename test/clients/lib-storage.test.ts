// @aws-sdk/lib-storage uploads streams whose size nobody knows.

import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { GetObjectCommand } from '@aws-sdk/client-s3'
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

test('the lines of docs/clients.md on @aws-sdk/lib-storage work as they are pasted', async t => {
  t.regex(await workplace().pasted('@aws-sdk/lib-storage'), /^\d+$/m)
})
