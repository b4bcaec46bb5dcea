// duplicity, as Debian packages it, over boto3.

import { randomBytes } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ListObjectsV2Command } from '@aws-sdk/client-s3'
import test from 'ava'
import { clientOf, makeBucket } from '../conformance/s3.ts'
import { assertSameTree, makeTree } from './tree.ts'
import { workplaceOf } from './workplace.ts'

const workplace = workplaceOf(test)

async function duplicity(...args: readonly string[]): Promise<string> {
  const options = ['--no-encryption', '--s3-endpoint-url', workplace().s3.endpoint]
  return workplace().run('duplicity', [...args, ...options])
}

test('duplicity backs up in full and in increments, and restores both states', async t => {
  const place = workplace()
  const path = await place.directory('backup')
  const tree = join(path, 'tree')
  await makeTree(tree)
  const url = `boto3+s3://${await makeBucket(clientOf(place.s3))}/duplicity`

  await duplicity('full', tree, url)
  await duplicity('restore', url, join(path, 'first'))
  await t.notThrowsAsync(assertSameTree(join(path, 'first'), tree))

  await writeFile(join(tree, 'large.bin'), Buffer.alloc(3_000_000, 'changed'))
  await duplicity('incremental', tree, url)
  await duplicity('verify', url, tree)
  await duplicity('restore', url, join(path, 'second'))
  await t.notThrowsAsync(assertSameTree(join(path, 'second'), tree))
  t.regex(await duplicity('collection-status', url), /Incremental/)
  await duplicity('remove-all-but-n-full', '1', '--force', url)
  await duplicity('cleanup', '--force', url)
})

test('duplicity carries a volume of 64 MiB in parts, in the storage class that it asks for', async t => {
  const path = await workplace().directory('parts')
  const s3 = clientOf(workplace().s3)
  const bucket = await makeBucket(s3)
  const url = `boto3+s3://${bucket}/duplicity`
  const content = randomBytes(64 * 1024 * 1024)
  await mkdir(join(path, 'tree'))
  await writeFile(join(path, 'tree/file'), content)

  await duplicity('full', '--s3-use-ia', join(path, 'tree'), url)
  await duplicity('restore', url, join(path, 'restored'))

  t.true(content.equals(await readFile(join(path, 'restored/file'))))
  const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket: bucket }))
  const volume = Contents.find(({ Key }) => Key?.includes('.difftar'))
  t.is(volume?.StorageClass, 'STANDARD_IA')
})

test('the lines of docs/clients.md on duplicity work as they are pasted', async t => {
  t.regex(await workplace().pasted('duplicity'), /Errors 0/m)
})
