// s3cmd, as Debian packages it, at real work against the daemon.

import { randomBytes } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { assertSameTree, makeTree } from './tree.ts'
import { workplaceOf } from './workplace.ts'

const workplace = workplaceOf(test)

async function s3cmd(...args: readonly string[]): Promise<string> {
  const place = workplace()
  const host = new URL(place.s3.endpoint).host
  const options = [
    '--no-ssl',
    '--region=auto',
    `--host=${host}`,
    `--host-bucket=${host}`,
    '--no-progress'
  ]
  return place.run('s3cmd', [...options, ...args])
}

test('s3cmd syncs a tree up and down, and every byte is the same', async t => {
  const path = await workplace().directory('tree')
  await makeTree(join(path, 'up'))
  await mkdir(join(path, 'down'))
  const bucket = `s3://${workplace().bucketName()}`

  await s3cmd('mb', bucket)
  const sync = (): Promise<string> => s3cmd('sync', `${join(path, 'up')}/`, `${bucket}/t/`)
  t.regex(await sync(), /^upload: /m)
  await s3cmd('sync', `${bucket}/t/`, `${join(path, 'down')}/`)

  await t.notThrowsAsync(assertSameTree(join(path, 'down'), join(path, 'up')))
  t.notRegex(await sync(), /^upload: /m)
  t.regex(await s3cmd('ls', `${bucket}/t/`), /DIR .*\/t\/d0\//)
  t.is((await s3cmd('ls', '--recursive', bucket)).trimEnd().split('\n').length, 200)
  t.regex(await s3cmd('du', bucket), /^\s*\d+\s+200 objects/)
})

test('s3cmd puts, gets, copies, moves and deletes single objects', async t => {
  const path = await workplace().directory('single')
  const bucket = `s3://${workplace().bucketName()}`
  const file = join(path, 'öne file+.txt')
  await writeFile(file, 'by s3cmd')

  await s3cmd('mb', bucket)
  await s3cmd('put', file, `${bucket}/a b/öne+.txt`)
  await s3cmd('get', `${bucket}/a b/öne+.txt`, join(path, 'back'))
  t.is(await readFile(join(path, 'back'), 'utf8'), 'by s3cmd')
  await s3cmd('cp', `${bucket}/a b/öne+.txt`, `${bucket}/copy`)
  await s3cmd('mv', `${bucket}/copy`, `${bucket}/moved`)
  await s3cmd('modify', '--add-header=Cache-Control: no-cache', `${bucket}/moved`)
  const info = await s3cmd('info', `${bucket}/moved`)
  t.regex(info, /File size: 8/)
  t.regex(info, /MD5 sum: {3}[0-9a-f]{32}/)
  t.regex(await s3cmd('info', bucket), /Location: /)
  t.regex(await s3cmd('la'), /moved/)

  await s3cmd('del', `${bucket}/moved`)
  await s3cmd('del', '--recursive', '--force', `${bucket}/`)
  t.is(await s3cmd('ls', bucket), '')
  await s3cmd('rb', bucket)
  t.false((await s3cmd('ls')).includes(bucket))
})

test('s3cmd carries 64 MiB in parts', async t => {
  const path = await workplace().directory('parts')
  const bucket = `s3://${workplace().bucketName()}`
  const content = randomBytes(64 * 1024 * 1024)
  await writeFile(join(path, 'up'), content)

  await s3cmd('mb', bucket)
  await s3cmd('put', join(path, 'up'), `${bucket}/big`)
  await s3cmd('cp', `${bucket}/big`, `${bucket}/copy`)
  await s3cmd('get', `${bucket}/copy`, join(path, 'down'))

  t.true(content.equals(await readFile(join(path, 'down'))))
  t.notRegex(await s3cmd('multipart', bucket), /\/big/)
})

test('a URL that s3cmd signs, which it does in version 2, is refused as R2 refuses it', async t => {
  const place = workplace()
  const bucket = `s3://${place.bucketName()}`
  await s3cmd('mb', bucket)

  const url = await s3cmd('signurl', `${bucket}/file`, '+60')

  const answer = await place.run('curl', ['--silent', '--write-out', '%{http_code}', url.trim()])
  t.regex(answer, /<Code>InvalidArgument<\/Code>.*400$/s)
})

test('the lines of docs/clients.md on s3cmd work as they are pasted', async t => {
  t.regex(await workplace().pasted('s3cmd'), /docs\/format\.md/m)
})
