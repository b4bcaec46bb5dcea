// restic, as Debian packages it, keeps its repository in the daemon.

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { assertSameTree, makeTree } from './tree.ts'
import { workplaceOf } from './workplace.ts'

const workplace = workplaceOf(test)

test('restic backs up, checks, forgets, prunes and restores, and every byte is the same', async t => {
  const place = workplace()
  const path = await place.directory('backup')
  const tree = join(path, 'tree')
  await makeTree(tree)
  const environment = {
    RESTIC_REPOSITORY: `s3:${place.s3.endpoint}/${place.bucketName()}/repository`,
    RESTIC_PASSWORD: 'of the repository'
  }
  const restic = (...args: readonly string[]): Promise<string> =>
    place.run('restic', args, { environment, cwd: path })
  const snapshots = async (): Promise<unknown[]> =>
    JSON.parse(await restic('snapshots', '--json')) as unknown[]

  await restic('init')
  await restic('backup', 'tree')
  await writeFile(join(tree, 'large.bin'), Buffer.alloc(6_000_000, 'changed'))
  await restic('backup', 'tree')
  await restic('check', '--read-data')
  t.is((await snapshots()).length, 2)

  await restic('forget', '--keep-last', '1', '--prune')
  await restic('check', '--read-data')
  await restic('restore', 'latest', '--target', 'restored')

  t.is((await snapshots()).length, 1)
  await t.notThrowsAsync(assertSameTree(join(path, 'restored/tree'), tree))
})

test('the lines of docs/clients.md on restic work as they are pasted', async t => {
  t.regex(await workplace().pasted('restic'), /no errors were found/m)
})
