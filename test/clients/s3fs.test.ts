// A bucket mounted with s3fs, as Debian packages it. Needs /dev/fuse, and the right to mount.

import { createHash, randomBytes } from 'node:crypto'
import {
  access,
  appendFile,
  chmod,
  mkdir,
  open,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  stat,
  symlink,
  truncate,
  utimes,
  writeFile
} from 'node:fs/promises'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { makeBucket, clientOf } from '../conformance/s3.ts'
import { assertSameTree, makeTree } from './tree.ts'
import { workplaceOf } from './workplace.ts'

const workplace = workplaceOf(test)

interface Mount {
  bucket: string
  /** The mount point. */
  path: string
  unmount: () => Promise<void>
}

async function mount(
  t: ExecutionContext,
  bucketName?: string,
  options: readonly string[] = []
): Promise<Mount> {
  const place = workplace()
  await access('/dev/fuse')
  const bucket = bucketName ?? (await makeBucket(clientOf(place.s3)))
  const path = await place.directory(`mount-${randomBytes(4).toString('hex')}`)
  const { accessKeyId, secretAccessKey, endpoint } = place.s3
  const all = [`url=${endpoint}`, 'use_path_request_style', ...options]
  await place.run('s3fs', [bucket, path, '-o', all.join(',')], {
    environment: { AWSACCESSKEYID: accessKeyId, AWSSECRETACCESSKEY: secretAccessKey }
  })
  let isMounted = true
  const unmount = async (): Promise<void> => {
    if (!isMounted) return
    isMounted = false
    await place.run('umount', [path])
  }
  t.teardown(unmount)
  return { bucket, path, unmount }
}

test('files on an s3fs mount are written, read, changed, renamed and removed', async t => {
  const { bucket, path, unmount } = await mount(t)
  const content = randomBytes(300_000)

  await mkdir(join(path, 'dir'))
  await writeFile(join(path, 'dir/ö file'), content)
  t.true(content.equals(await readFile(join(path, 'dir/ö file'))))
  await rename(join(path, 'dir/ö file'), join(path, 'renamed'))
  await appendFile(join(path, 'renamed'), 'tail')
  await writeFile(join(path, 'cut'), content)
  await truncate(join(path, 'cut'), 1000)
  await chmod(join(path, 'cut'), 0o640)
  await utimes(join(path, 'cut'), 1_000_000_000, 1_000_000_000)
  await symlink('cut', join(path, 'link'))
  t.deepEqual((await readdir(path)).sort(), ['cut', 'dir', 'link', 'renamed'])
  await rename(join(path, 'dir'), join(path, 'moved'))
  await rm(join(path, 'moved'), { recursive: true })
  await unmount()

  // A mount that has nothing in its cache sees what the bucket has.
  const again = await mount(t, bucket)
  const renamed = await readFile(join(again.path, 'renamed'))
  t.true(Buffer.concat([content, Buffer.from('tail')]).equals(renamed))
  const cut = await stat(join(again.path, 'cut'))
  t.is(cut.size, 1000)
  t.is(cut.mode & 0o777, 0o640)
  t.is(cut.mtimeMs, 1_000_000_000_000)
  t.is(await readlink(join(again.path, 'link')), 'cut')
  t.deepEqual((await readdir(again.path)).sort(), ['cut', 'link', 'renamed'])
})

test('a tree copied onto an s3fs mount comes back the same from another', async t => {
  const place = workplace()
  const first = await mount(t)
  const tree = join(await place.directory('tree'), 'up')
  await makeTree(tree)

  await place.run('cp', ['--recursive', '--preserve=mode,timestamps', tree, join(first.path, 't')])
  await first.unmount()

  const second = await mount(t, first.bucket)
  await t.notThrowsAsync(assertSameTree(join(second.path, 't'), tree))
  await place.run('rm', ['-r', join(second.path, 't')])
  t.deepEqual(await readdir(second.path), [])
})

test('64 MiB go through an s3fs mount, and a change in the middle of them', async t => {
  // A rename copies in parts, too.
  const first = await mount(t, undefined, ['singlepart_copy_limit=16'])
  const content = randomBytes(64 * 1024 * 1024)

  await writeFile(join(first.path, 'big'), content)
  const file = await open(join(first.path, 'big'), 'r+')
  content.write('changed', 30_000_000)
  await file.write('changed', 30_000_000)
  await file.close()
  await rename(join(first.path, 'big'), join(first.path, 'moved'))
  await first.unmount()

  const second = await mount(t, first.bucket)
  const hash = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')
  t.is(hash(await readFile(join(second.path, 'moved'))), hash(content))
})

test('the lines of docs/clients.md on s3fs work as they are pasted', async t => {
  t.regex(await workplace().pasted('s3fs'), /^README\.md$/m)
})
